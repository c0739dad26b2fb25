-- Every process asks twice a second whose sessions were ended lately, and turns these away: few, whatever the size of the table.
create index people_valid_from on people (valid_from) where valid_from is not null;
