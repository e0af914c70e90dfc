select * from input
