"""The same work in Python, one run per line read from standard input. Prints seconds and the characters of all texts.

    python readers_peer.py FOLDER_WITH_ROWS

Writes FOLDER/rows.parquet first. The first line printed names what there is to compare with, by workload.
"""
import csv
import importlib.metadata
import json
import sys
import time
from pathlib import Path

import pandas
import pyarrow.parquet

try:
    import datasets

    datasets.disable_caching()
    datasets.disable_progress_bars()
except ImportError:
    datasets = None

folder = Path(sys.argv[1])
pandas.read_csv(folder / "rows.csv", keep_default_na=False).to_parquet(folder / "rows.parquet")


def csv_rows():
    with open(folder / "rows.csv", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def pandas_rows():
    return pandas.read_csv(folder / "rows.csv", keep_default_na=False).to_dict("records")


def json_rows():
    with open(folder / "rows.jsonl", encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def parquet_rows():
    return pyarrow.parquet.read_table(folder / "rows.parquet").to_pylist()


def with_words(row):
    return {"words": row["text"].lower().split(" ")}


plain = csv_rows()
plain = plain[: len(plain) // 6]  # the file holds the rows six times
names = {
    package: f"{package} {importlib.metadata.version(package)}"
    for package in ("pandas", "pyarrow", "datasets")
    if package != "datasets" or datasets
}
python = f"Python {sys.version.split()[0]}"
work = {
    "csv": {f"csv.DictReader, {python}": csv_rows, f"read_csv to_dict, {names['pandas']}": pandas_rows},
    "jsonl": {f"json.loads, {python}": json_rows},
    "parquet": {f"to_pylist, {names['pyarrow']}": parquet_rows},
    "map": {f"list comprehension, {python}": lambda: [{**row, **with_words(row)} for row in plain]},
}
if datasets:
    data = datasets.Dataset.from_list(plain)
    # Read back into rows, as ours are.
    work["map"][f"Dataset.map, {names['datasets']}"] = lambda: data.map(with_words).to_list()

print(json.dumps({name: list(ways) for name, ways in work.items()}), flush=True)
for request in sys.stdin:
    workload, name = json.loads(request)
    start = time.perf_counter()
    rows = work[workload][name]()
    seconds = time.perf_counter() - start
    # UTF-16 units, as JavaScript counts.
    units = sum(len(row["text"].encode("utf-16-le")) // 2 for row in rows)
    print(json.dumps({"seconds": seconds, "score": units}), flush=True)
