"""`python app.py`: read the flags, build the page, launch. Imported, `app.demo` is the same page, built when it is
asked for; whoever imports it launches it, and hears Ctrl-C."""

import argparse
import os
import signal
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from resnet_demo.cli.terminal import MessageStream, plain_streams
from resnet_demo.errors import UserError, missing_package

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while there is nothing to save, Ctrl-C ends without a trace

try:
    from resnet_demo.ui import startup  # noqa: I001 - first: gradio reads its variables while it is imported
    from gradio import Blocks

    from resnet_demo.owner_token import TokenError, owners_link
    from resnet_demo.runs.config import absolute_source
    from resnet_demo.runs.directory import SHIPPED
    from resnet_demo.runs.keep import Keep
    from resnet_demo.runs.store import RunStore
    from resnet_demo.text import printable
    from resnet_demo.training.zerogpu import is_zerogpu
    from resnet_demo.ui.access import Access
    from resnet_demo.ui.app import build_app
    from resnet_demo.ui.backend import Backend
    from resnet_demo.ui.uploads import FOLDER_VARIABLE, UploadsError, own_folder
    from resnet_demo.ui.visitors import with_visitors
    from resnet_demo.workers.launcher import Launcher, LaunchError
    from resnet_demo.workers.signals import PauseSignals
except ImportError as error:
    if not (sentence := missing_package(error)):
        raise
    raise SystemExit(f"app.py: {sentence}") from error

SAVE_TIMEOUT_S = 120.0
POLL_S = 0.2
ANSWER_ATTEMPTS = 5  # of 3 s


def parse_flags(arguments: list[str] | None = None) -> argparse.Namespace:
    """Of the command line, where none are given."""
    flags = argparse.ArgumentParser(description="Train a ResNet-50, look inside it, classify.", allow_abbrev=False)
    flags.add_argument("--host", help="address to listen on (default 127.0.0.1, or GRADIO_SERVER_NAME)")
    flags.add_argument("--port", type=port, help="port (default the first free from 7860, or GRADIO_SERVER_PORT)")
    flags.add_argument("--runs", type=Path, default=Path("checkpoints"), metavar="DIR", help="folder that holds runs")
    flags.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where data are kept")
    flags.add_argument("--data", action="append", default=[], metavar="folder:PATH", help="offer this folder too")
    flags.add_argument("--no-shipped", action="store_true", help="do not list the runs that come with the project")
    flags.add_argument("--share", action="store_true", help="make a public link through Gradio's tunnel")
    flags.add_argument("--mcp", action="store_true", help="serve /classify and /evaluate as MCP tools, too")
    flags.add_argument("--open", action="store_true", help="open the page in the browser")
    flags.add_argument("--keep-training", action="store_true", help="leave a run training when the app ends")
    options = flags.parse_args(arguments)
    for name, value in startup.WRONG_NUMBERS.items():
        if name != startup.PORT_VARIABLE or not options.port:  # flags win
            flags.error(startup.wrong_number(name, value))
    if options.mcp and find_spec("mcp") is None:
        flags.error("--mcp needs more packages: pip install 'gradio[mcp]'")
    if startup.WRONG_PROXY:
        flags.error(startup.WRONG_PROXY)
    for source in options.data:
        path = source.removeprefix("folder:")
        if path in ("", source) or not Path(path).expanduser().is_dir():
            flags.error(f"--data must be folder:PATH with a folder that is there, not '{source}'")
    options.data = [absolute_source(source) for source in options.data]
    return options


def port(typed: str) -> int:
    """Raises ArgumentTypeError, which argparse says in a sentence."""
    if not (typed.isascii() and typed.isdecimal() and int(typed) in startup.PORTS):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, not '{typed}'")
    return int(typed)


def main() -> None:
    options = parse_flags()
    host = bindable(options.host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1")
    share = options.share or os.environ.get("GRADIO_SHARE", "").lower() in ("true", "1")
    backend = open_backend(options, host, share)
    page = globals()["demo"] = build_app(backend)  # where Gradio's reloading on a Space looks for it
    signals = PauseSignals()
    signals.install()
    _, local_url, public_url = launch(
        page,
        server_name=f"[{host}]" if ":" in host else host,  # as an address of version 6 stands in a link
        server_port=options.port,
        share=share,
        inbrowser=options.open,
        mcp_server=options.mcp,
        prevent_thread_lock=True,
    )
    if backend.access.token:
        link = print_owners_link(backend.access, page_address(public_url, local_url))
        if host in ("0.0.0.0", "::") and "//localhost" in link:
            print("On another machine put this one's name or address in the place of localhost.", flush=True)
    while not signals.came:
        time.sleep(POLL_S)
    leave(backend.launcher, options.keep_training)
    backend.evaluations.end()
    page.close(verbose=False)
    end_process()


def open_backend(options: argparse.Namespace, host: str, share: bool) -> Backend:
    """What the page stands on where it is served at this address. Ends the app with a sentence where it cannot be."""
    os.environ["GRADIO_SERVER_NAME"] = "127.0.0.1" if ":" in host else host  # where Gradio looks for a free port
    startup.pass_by_proxies(host)
    store = RunStore(options.runs, None if options.no_shipped else SHIPPED)
    restore_kept(store)
    behind_proxy = bool(os.environ.get("GRADIO_ROOT_PATH"))
    try:
        access = Access.for_address(host, share or behind_proxy)
        os.environ[FOLDER_VARIABLE] = str(own_folder())  # before the page is built
    except (TokenError, UploadsError) as error:
        raise SystemExit(f"app.py: {error}") from error
    backend = Backend.over(store, options.data_dir, options.data, access)
    try:
        return with_visitors(backend) if is_zerogpu() else backend
    except UserError as error:
        raise SystemExit(f"app.py: {error}") from error


def restore_kept(store: RunStore) -> None:
    """Bring back the runs that RESNET_DEMO_KEEP has and this disk has not: a Space's disk is gone when it sleeps."""
    if keep := Keep.of_environment():
        try:
            keep.check()
            restored = keep.restore(store.folder)
        except UserError as error:
            raise SystemExit(f"app.py: {error}") from error
        if restored:
            print(f"Restored from '{keep.folder}': {', '.join(map(printable, restored))}", flush=True)


def __getattr__(name: str) -> Blocks:
    """`demo`, the page for whoever imports this module, with no flags but Gradio's variables."""
    if name != "demo":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    host = bindable(os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1")
    backend = open_backend(parse_flags([]), host, share=False)
    if backend.access.token:
        port = os.environ.get(startup.PORT_VARIABLE, startup.FIRST_PORT)
        print_owners_link(backend.access, page_address(None, f"http://localhost:{port}/"))
    globals()["demo"] = page = build_app(backend)
    return page


def print_owners_link(access: Access, address: str) -> str:
    link = owners_link(address, access.token or "")
    print(f"The owner's link, which may start and stop: {link}", flush=True)
    return link


def bindable(host: str) -> str:
    """The address without brackets; ends the app with a sentence where this machine has no such address. Gradio would
    try a hundred ports for minutes."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SystemExit(
            f"app.py: this machine cannot listen on '{host}' ({why}). Choose one of its own addresses with "
            "--host: 127.0.0.1 for this machine alone, 0.0.0.0 for all that reach it."
        ) from error
    return host


def page_address(public_url: str | None, local_url: str) -> str:
    """Where people reach the page: the public link, behind a proxy what GRADIO_ROOT_PATH says where it is a whole
    address, on a Space its own."""
    root, space = os.environ.get("GRADIO_ROOT_PATH", ""), os.environ.get("SPACE_HOST")
    behind = root if root.startswith("http") else f"https://{space}" if space else ""
    return public_url or (f"{behind.rstrip('/')}/" if behind else local_url.replace("[::]", "localhost"))


def launch(page: Blocks, **how) -> tuple:
    """What `page.launch` returns. Ends the app with a sentence where there is no port or the page does not answer.

    Gradio asks the running server for the page and gives up after 3 s, which a busy machine may well need; launching
    a page that runs already is only asking once more.
    """
    for attempt in range(ANSWER_ATTEMPTS):
        try:
            return page.launch(quiet=attempt > 0, **how)
        except OSError as error:  # Gradio's word for a port that is taken
            port = how.get("server_port")
            taken = f"port {port} is taken, or not allowed" if port else "none of Gradio's hundred ports is free"
            raise SystemExit(f"app.py: {taken}. Choose another with --port.") from error
        except ValueError as error:  # and for a server that does not answer
            if not page.is_running:
                raise
            unanswered = error
    raise SystemExit(
        f"app.py: the server runs, but {page.local_url} does not answer. Start again when the machine is less busy; "
        "where a proxy is set, name this address in NO_PROXY."
    ) from unanswered


def leave(launcher: Launcher, keep_training: bool) -> None:
    """Ask the worker to save and end, unless it is to go on alone; a second Ctrl-C does not wait for it."""
    run = launcher.active()
    if run is None:
        return
    if keep_training:
        print(f"The app ends; '{run.id}' goes on training. Start the app again to watch it.", flush=True)
        return
    try:
        launcher.pause(run)
    except LaunchError:  # it has ended this moment
        return
    except OSError as error:
        print(f"The run in training could not be asked to save ({error.strerror}), so it goes on. Make room on the "
              "disk, then start the app again and press Pause.", flush=True)  # fmt: skip
        return
    print(f"Saving '{run.id}'. The next start offers Resume.", flush=True)
    if not launcher.wait_until_idle(SAVE_TIMEOUT_S):
        print("It is still saving and will end by itself.", flush=True)


def end_process() -> None:
    """Not by returning: while a handler's thread is inside of torch, as in the seconds of its import, C++ aborts a
    process that ends in the usual way. All that was to be saved is saved."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    with plain_streams(stdout=MessageStream):
        main()
