import csv
import random

from csv_line import join_line, split_line


def test_against_csv():
    chance = random.Random(19)
    for _ in range(1000):
        fields = ["".join(chance.choice('ab,"') for _ in range(chance.randrange(5))) for _ in range(chance.randrange(2, 5))]
        line = join_line(fields)
        assert next(csv.reader([line])) == fields
        assert split_line(line) == fields
