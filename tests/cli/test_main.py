"""The command line: every verb's help and example, refused values, exit codes, what is loaded."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from facegen.cli.main import COMMANDS, cli
from facegen.io.locks import hold_lock
from facegen.io.weights import default_weights_path
from running import REPOSITORY, python_environment, run_python

FACEGEN = ("-m", "facegen")


def commands() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", command.commands[sub]) for sub in command.commands]
    return found


def test_the_model_without_weights_is_named_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEGEN_WEIGHTS", raising=False)
    read = [
        option.type
        for _, command in commands()
        for option in command.params
        if {"--weights", "--start-from"}.intersection(option.opts)
    ]
    assert len(read) > 10
    assert {kind.convert("default", None, None) for kind in read} == {default_weights_path()}
    monkeypatch.setenv("FACEGEN_WEIGHTS", "mine")
    assert {kind.convert("default", None, None) for kind in read} == {Path("mine")}
    (tmp_path / "default").mkdir()  # one's own
    assert {kind.convert("default", None, None) for kind in read} == {Path("default")}


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value))
def test_help_names_the_command_and_shows_examples_that_parse(name: str, command: click.Command):
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert result.exit_code == 0
    examples = re.findall(
        r"^ +(?:.* \| )?(facegen [^|\n]*)", result.output.replace("\\\n", ""), re.M
    )
    assert examples, f"{name} --help shows no example"
    for example in examples:
        words = shlex.split(example.split(" > ")[0])
        group, verb = name.split()[:-1], name.split()[-1]
        assert words[1 : len(group) + 1] == group or words[1] in COMMANDS
        if words[1 : len(group) + 2] == [*group, verb]:
            command.make_context(verb, words[len(group) + 2 :])  # raises a UsageError if wrong
    assert any(name in example for example in examples)


@pytest.mark.parametrize("group", ["", "analyze"])
def test_the_list_of_commands_is_cut_nowhere(group: str):
    lines = CliRunner().invoke(cli, [*group.split(), "--help"]).output.splitlines()
    listed = lines[lines.index("Commands:") + 1 :]
    assert len(listed) >= 6
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value))
def test_every_option_has_a_help_text(name: str, command: click.Command):
    missing = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert missing == []


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: str(value))
def test_every_command_has_its_page(name: str, command: click.Command):
    page = (REPOSITORY / "docs" / "cli" / f"{name.replace(' ', '-')}.md").read_text()
    assert f"# facegen {name}\n" in page
    assert f"$ facegen {name} " in page


BAD_VALUES = [
    ("generate --n 0", "0 is not in the range 1<=x<=1000000000"),
    ("generate --r-limit -1", "-1.0 is not in the range 0<x<=1000"),
    ("generate --r-limit nan", "nan is not a finite number"),
    ("generate --r-limit inf", "inf is not in the range 0<x<=1000"),
    ("generate --sigma x", "'x' is not a valid number"),
    ("generate --sweep 1,nan", "nan is not a finite number"),
    ("generate --seed -1", "-1 is not in the range 0<=x<=9223372036854775807"),
    ("generate --columns 0", "0 is not in the range 1<=x<=1000"),
    ("generate --unsharp 2,150", "expected 3 numbers, found 2"),
    ("generate --sharpen 1 --unsharp 2,150,3", "Choose one of --sharpen and --unsharp"),
    ("generate --r-limit 1 --sigma 1", "Choose one of --sigma, --r-limit and --sampler"),
    ("generate -o faces.gif", "-o must end in .png (a sheet) or .h5 (a face set), not '.gif'"),
    ("generate --individual d -o x.png", "--individual goes without -o and --sweep"),
    ("prepare x --size 7", "7 is not in the range 8<=x<=1024"),
    ("prepare x --test-fraction 1", "1.0 is not in the range 0<=x<1"),
    ("prepare x --box 3,0,2,9", "--box needs LEFT < RIGHT and UPPER < LOWER"),
    ("prepare", "Missing argument 'SOURCE...'"),
    ("train f.h5 -o w --learning-rate 0", "0.0 is not in the range 0<x<=10"),
    ("train f.h5 -o w --dropout 1", "1.0 is not in the range 0<=x<1"),
    ("train f.h5 -o w --kind gan", "'gan' is not one of 'vae', 'ae'"),
    ("train f.h5 -o w --resume --force", "Choose one of --resume and --force"),
    ("sharpen x", "Missing option '-o'"),
    ("sharpen x -o y --sharpen -1", "-1.0 is not in the range 0<=x<=1000"),
    ("reconstruct f.h5 --split dev", "'dev' is not one of 'train', 'test'"),
]


@pytest.mark.parametrize(("line", "message"), BAD_VALUES, ids=[line for line, _ in BAD_VALUES])
def test_a_bad_value_is_refused_with_what_would_be_right(line: str, message: str):
    result = CliRunner().invoke(cli, line.split())
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


LOADED = """
import sys
{statement}
found = [name for name in ("tensorflow", "keras", "matplotlib", "sklearn", "scipy", {more})
         if name in sys.modules]
print(found, file=sys.stderr)
sys.exit(len(found))
"""


def loads_nothing_heavy(statement: str, *more: str, cwd: Path | None = None) -> None:
    names = "".join(f"{name!r}, " for name in more)
    done = run_python("-c", LOADED.format(statement=statement, more=names), cwd=cwd)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ({"_FACEGEN_COMPLETE": "bash_source"}, "_facegen_completion"),
        (
            {
                "_FACEGEN_COMPLETE": "bash_complete",
                "COMP_WORDS": "facegen gen",
                "COMP_CWORD": "1",
            },
            "plain,generate",
        ),
    ],
)
def test_the_shell_gets_completions(
    question: dict[str, str], answer: str, monkeypatch: pytest.MonkeyPatch
):
    for name, value in question.items():
        monkeypatch.setenv(name, value)
    program = "import sys; sys.argv = ['facegen']; from facegen.__main__ import main; main()"
    done = run_python("-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    assert answer in done.stdout


def test_importing_facegen_loads_nothing_heavy():
    loads_nothing_heavy("import facegen", "numpy", "PIL", "h5py", "click")


def test_help_loads_nothing_heavy():
    run = "from facegen.cli.main import cli; cli.main(['--help'], standalone_mode=False)"
    loads_nothing_heavy(run, "numpy", "h5py", "ai_edge_litert")


def test_generating_loads_neither_tensorflow_nor_h5py(toy_weights: Path, tmp_path: Path):
    arguments = ["generate", "--weights", str(toy_weights), "-q"]
    run = f"from facegen.cli.main import cli; cli.main({arguments}, standalone_mode=False)"
    loads_nothing_heavy(run, "h5py", cwd=tmp_path)


def facegen(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_python(*FACEGEN, *map(str, arguments), cwd=cwd)


def test_an_error_is_one_line_without_a_traceback(tmp_path: Path):
    done = facegen("generate", "--weights", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("facegen: no weights in nowhere: config.json is missing; name")
    assert done.stderr.count("\n") == 1
    done = facegen("--debug", "generate", "--weights", "nowhere", cwd=tmp_path)
    assert "Traceback" in done.stderr


def test_sigterm_leaves_nothing_half_written(toy_weights: Path, tmp_path: Path):
    process = subprocess.Popen(
        [
            *(sys.executable, *FACEGEN, "generate", "--weights", str(toy_weights)),
            *("-q", "--n", "10000000", "-o", "many.h5"),
        ],
        cwd=tmp_path,
        env=python_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [name[:9] for name in os.listdir(tmp_path)] == [".facegen-"]
    process.send_signal(signal.SIGTERM)
    assert process.communicate() == (None, "")
    assert process.returncode == 143
    assert os.listdir(tmp_path) == []


def test_a_reader_that_has_had_enough_is_no_error(toy_weights: Path, tmp_path: Path):
    piped = subprocess.run(
        f"{sys.executable} -m facegen generate --weights {toy_weights} -q --n 1 "
        "--sweep 1,2,3 -o p.png | true; echo ${PIPESTATUS[0]}",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        env=python_environment(),
        capture_output=True,
        text=True,
    )
    assert (piped.stdout, piped.stderr) == ("0\n", "")


def test_a_second_run_with_the_same_lock_does_nothing(toy_weights: Path, tmp_path: Path):
    command = ["--lock", "cron.lock", "generate", "-q", "--weights", str(toy_weights), "--n", "1"]
    with hold_lock(tmp_path / "cron.lock", ""):
        refused = facegen(*command, cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"facegen: another facegen (process {os.getpid()}) holds the lock cron.lock; its run is "
        "not done\n"
    )
    assert facegen(*command, cwd=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == ["faces.png"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("generat", "No such command 'generat'. Did you mean 'generate'?"),
        ("generate --seeds 5", "No such option '--seeds'. (Did you mean one of: '--seed',"),
        ("generate --weights photos", "name a folder that 'facegen train' wrote with --weights"),
        ("generate -o sheet.jpg", "-o must end in .png (a sheet) or .h5 (a face set), not '.jpg'"),
        ("generate --latents latents.h5", "--latents and --rows go together."),
        ("edit photo.jpg", "Say what to change with --attribute, such as Smiling=1.5."),
        ("prepare photos", "no photos found in photos"),
        ("prepare photos -o none/faces.h5", "the folder none does not exist; create it first"),
        ("reproduce none.png", "none.png does not exist"),
    ],
)
def test_likely_mistakes_get_an_answer_that_helps(line: str, answer: str, tmp_path: Path):
    (tmp_path / "photos").mkdir()
    done = facegen(*line.split(), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert answer in " ".join(done.stderr.split())


@pytest.mark.usefixtures("with_tensorflow")
def test_training_on_photos_that_are_not_prepared_gets_one_too(photos: Path):
    done = facegen("train", "photos", "-o", "w", cwd=photos.parent)
    assert done.returncode == 1
    answer = (
        "photos is a folder, not a file; expected facegen-faces ('facegen prepare PHOTOS' makes"
    )
    assert answer in done.stderr
