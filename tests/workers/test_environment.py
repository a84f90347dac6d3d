"""What a run ran with is true."""

import subprocess

import pytest

import resnet_demo
from resnet_demo.workers.environment import git_commit


@pytest.fixture(autouse=True)
def asked_anew():
    """The answer is kept as long as the process lives, and other tests have asked in this one."""
    git_commit.cache_clear()
    yield
    git_commit.cache_clear()


@pytest.mark.parametrize("tracked", [True, False])
def test_the_commit_is_of_the_repository_that_holds_this_file_not_of_one_around_it(tmp_path, monkeypatch, tracked):
    package = tmp_path / "project" / ".venv" / "resnet_demo"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "project" / "theirs.py").touch()

    def git(*arguments) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", *names, *arguments], cwd=tmp_path / "project", check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q")
    git("add", "--", "." if tracked else "theirs.py")
    git("commit", "-q", "-m", "theirs")
    monkeypatch.setattr(resnet_demo, "__file__", str(package / "__init__.py"))
    assert git_commit() == (git("rev-parse", "HEAD") if tracked else None)


def test_without_a_repository_or_git_there_is_no_commit(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr(resnet_demo, "__file__", str(tmp_path / "__init__.py"))
    assert git_commit() is None
    git_commit.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
