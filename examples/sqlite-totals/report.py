"""report FILE N: waits until N orders are in the database, and shows the totals."""

import sqlite3
import sys
import time

path, wanted = sys.argv[1], int(sys.argv[2])
while True:
    try:
        rows = sqlite3.connect(path).execute("SELECT * FROM totals ORDER BY product").fetchall()
    except sqlite3.OperationalError:  # the tables are not there yet
        rows = []
    if sum(orders for _, orders, _ in rows) >= wanted:
        break
    time.sleep(0.1)
for product, orders, amount in rows:
    print("%-8s %6d %9d" % (product, orders, amount))
