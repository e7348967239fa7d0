module waverider

go 1.26
