"""``diptych``: parse, run one command, turn its outcome into an exit code.

Exit codes: 0 fine, 1 error, 2 usage, 3 regression and 4 inconclusive (both only where a gate was asked for), 130
interrupted.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from harness.cli.builtin import reach
from harness.cli.output import Output, say
from harness.cli.rooms import check_rooms
from harness.errors import DiptychError, unknown
from harness.problems import ProblemsError

INTERRUPTED = 130

# name: (where, one line). The line stands here so that ``diptych --help`` imports no command.
COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("harness.cli.commands.list:command", "List suites, arms, models, schedules, metrics, worlds or assets."),
    "schedule": ("harness.cli.commands.schedule:command", "Show which tokens a schedule predicts in which pass."),
    "plan": ("harness.cli.commands.plan:command", "Say what a run would do, without doing it."),
    "run": ("harness.cli.commands.run:run_command", "Run a suite's matched trials and keep them."),
    "resume": ("harness.cli.commands.run:resume_command", "Finish a run that was interrupted."),
    "show": ("harness.cli.commands.show:command", "Show what a run found."),
    "compare": ("harness.cli.commands.compare:command", "Compare two runs of one suite, arm by arm."),
    "report": ("harness.cli.commands.report:command", "Write an HTML report of one or more runs."),
    "figures": ("harness.cli.commands.figures:command", "Write a paper's figures, published and measured."),
    "verify": ("harness.cli.commands.verify:command", "Check that a run is still what it was; run parts of it again."),
    "score": ("harness.cli.commands.score:command", "Score anyone's videos, alone or against a reference folder."),
    "omniscore": ("harness.cli.commands.omniscore:command", "Presets, validity and sensitivity of OmniScore."),
    "import": ("harness.cli.commands.importing:command", "Read other tools' results: vbench."),
    "results": ("harness.cli.commands.results:command", "List, export, clean up and remove runs."),
    "power": ("harness.cli.commands.power:command", "Say how many blocks a wished effect needs, from a recorded run."),
    "export": ("harness.cli.commands.export:command", "Write runs in the formats of other tools: asv."),
    "bench": ("harness.cli.commands.bench:command", "Measure Diptych itself: statistics, store."),
    "assets": ("harness.cli.commands.assets:command", "List, fetch and check the weight files that are used."),
    "train": ("harness.cli.commands.train:command", "Train the zoo's tokenizer or video transformer."),
    "align": ("harness.cli.commands.align:command", "Collect preferences among a model's own videos; train on them."),
    "check": ("harness.cli.commands.check:command", "Check a component by the laws of its kind."),
    "schema": ("harness.cli.commands.schema:command", "Print the JSON Schema of a suite's TOML file."),
    "doctor": ("harness.cli.commands.doctor:command", "Check this machine and installation."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are invoked."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or raise the error that names the nearest one."""
        if cmd_name not in COMMANDS:
            raise unknown("command", cmd_name, COMMANDS, "diptych --help")
        command: Any = reach(COMMANDS[cmd_name][0])
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from harness import __version__

        click.echo(f"diptych {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """Make the same video twice, one thing changed, and say with an interval what the change bought and cost."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: Without the program's name.
    """
    as_json = "--json" in arguments
    output = Output(sys.stdout, as_json)
    # With --json, stdout belongs to the document: whatever a library prints goes to stderr.
    quiet = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    try:
        with quiet:
            check_rooms()
            code = cli.main(args=list(arguments), prog_name="diptych", standalone_mode=False, obj=output)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return error.exit_code
    except click.ClickException as error:
        _explain(error, arguments)
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context else ""
        say(f"error: {_one_line(error.format_message())}{hint}")
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        _explain(error, arguments)
        say("interrupted")
        return INTERRUPTED
    except DiptychError as error:
        _explain(error, arguments)
        say(f"error: {error if isinstance(error, ProblemsError) else _one_line(str(error))}")
        return error.exit_code
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 - closed by the exit that follows
        return 1
    except ImportError as error:
        _explain(error, arguments)
        say(f"error: {_one_line(str(error))} Something that Diptych needs is missing or broken. See: diptych doctor")
        return 1
    except OSError as error:
        _explain(error, arguments)
        say(f"error: {_one_line(str(error))}")
        return 1


def _explain(error: BaseException, arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exception(error, file=sys.stderr)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
