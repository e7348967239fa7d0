"""sqlite-totals: adds up the records of a Topic in an SQLite database, each
exactly once, whatever is killed when."""

import sqlite3

SAVE_EVERY = 100  # records

TABLES = """
    CREATE TABLE IF NOT EXISTS totals (product TEXT PRIMARY KEY, orders INTEGER, amount INTEGER);
    CREATE TABLE IF NOT EXISTS place (done INTEGER);
    INSERT INTO place SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM place);
"""


def run(context, input, path):
    db = sqlite3.connect(path)
    db.executescript(TABLES)
    (done,) = db.execute("SELECT done FROM place").fetchone()

    # With `"ack": "save"` in package.json the place in the input moves when the
    # program saves, and only then. What it saves is how many records that were.
    number = context.load() or 0
    for record in input:
        number += 1
        # After a kill records come again that the database has already: it knows
        # how many, as that is written in the same transaction as the data.
        if number > done:
            with db:  # a transaction: all of it or nothing
                add(db, record)
                db.execute("UPDATE place SET done = ?", (number,))
        if number % SAVE_EVERY == 0:
            context.save(number)
    context.save(number)


def add(db, record):
    db.execute(
        "INSERT INTO totals VALUES (?, 1, ?)"
        " ON CONFLICT (product) DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount",
        (record["product"], record["amount"]),
    )
