"""queue: the planned runs of a folder, in the order in which they are trained; `train --later` plans one."""

import argparse
import json
from pathlib import Path

from resnet_demo.cli.command import DATA_DIR, RUNS_DIR, CommandError, add_command
from resnet_demo.cli.control import find_run, place_text, print_result
from resnet_demo.cli.runs import print_table
from resnet_demo.data.known import data_label
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.held import held_sentence
from resnet_demo.runs.planning import unplan
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.text import printable
from resnet_demo.workers.launcher import Launcher


def add_queue(commands) -> None:
    queue = add_command(
        commands,
        "queue",
        queue_command,
        "List the planned runs in their order, change it, or go on with them. Each starts when the one before it has "
        "ended; `train --later` plans one.",
    )
    queue.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    queue.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="the folder for downloads")
    act = queue.add_mutually_exclusive_group()
    act.add_argument(
        "--remove", metavar="RUN", help="remove this run from the queue; one that has not started is deleted"
    )
    act.add_argument("--move", nargs=2, metavar=("RUN", "PLACE"), help="put this run at this place, 1 for the next")
    act.add_argument("--start", action="store_true", help="go on with the queue, in processes in the background")
    act.add_argument("--json", action="store_true", help="one JSON object per planned run, one per line")


def queue_command(options: argparse.Namespace) -> int:
    store = RunStore(options.runs)
    if options.remove is not None:
        run = _named(options, options.remove)
        unplan(store, run)
        print_result(f"'{run.id}' is no longer in the queue.")
    elif options.move:
        name, place = options.move
        if not (place.isascii() and place.isdecimal()):
            raise CommandError(f"A place in the queue is a number, 1 for the next, not '{place}'.", code=2)
        run = _named(options, name)
        Queue(store.folder).move(run, int(place))
        print_result(place_text(run))
    elif options.start:
        following = Launcher(store, options.data_dir).start_next()
        print_result(f"'{following.id}' is training." if following else f"No run is planned in '{store.folder}'.")
    else:
        _list(store, options.json)
    return 0


def _named(options: argparse.Namespace, name: str) -> RunDirectory:
    return find_run(argparse.Namespace(runs=options.runs, run=name))


def _list(store: RunStore, as_json: bool) -> None:
    snapshot = Watcher(store).snapshot()
    if as_json:
        for planned in snapshot.queue:
            print(json.dumps(_facts(planned)))
    elif snapshot.queue:
        print_table([("place", "run", "network", "data", "epochs", "title"), *map(_cells, snapshot.queue)])
    if not snapshot.queue:
        print_result(f"No run is planned in '{store.folder}'.")
    elif snapshot.training and snapshot.current:
        print_result(f"'{snapshot.current.run.id}' is training. Each starts when the run before it has ended.")
    if held := held_sentence(snapshot):
        print_result(f"{held} Go on with: python -m resnet_demo queue --start")


def _facts(planned: Snapshot) -> dict:
    config = planned.config
    return {
        "place": planned.place[0] if planned.place else 0,
        "run": planned.run.id,
        "title": planned.title,
        "data": config.data,
        "arch": config.arch,
        "stem": config.stem,
        "epochs": config.epochs,
    }


def _cells(planned: Snapshot) -> tuple[str, ...]:
    facts = _facts(planned)
    data, title = printable(data_label(facts["data"])), printable(facts["title"])
    return str(facts["place"]), printable(facts["run"]), facts["arch"], data, str(facts["epochs"]), title
