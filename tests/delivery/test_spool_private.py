"""Nothing is written where somebody else could read it, or put something else in its place."""

import errno
import os
import stat

import pytest

from testpilot_obs.delivery.spool import Spool
from testpilot_obs.delivery.spool._private import make_private
from tests.delivery.spools import Request, files

NOBODY = 65534

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can make a folder that belongs to another user",
)


@as_root
@pytest.mark.parametrize("which", ["親", "その親", "行き先"])
def test_他人のフォルダーには書かない(which, tmp_path, caplog):
    """A folder of another user, at any height, is refused, and the warning names it."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    foreign = {"親": folder.parent, "その親": folder.parent.parent, "行き先": folder}[which]
    os.chown(foreign, NOBODY, NOBODY)
    spool = Spool(str(folder), "logs")

    assert not spool.save(Request("secret"))
    assert files(folder) == []
    (told,) = caplog.messages
    assert f"{foreign} belongs to another user" in told
    assert "TESTPILOT_OBS_SPOOL_DIR" in told


@as_root
def test_他人のリンクには従わない(tmp_path):
    """A link that another user has made is refused, also if it leads to a folder of ours."""
    (tmp_path / "ours").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    os.chown(tmp_path / "link", NOBODY, NOBODY, follow_symlinks=False)
    (tmp_path / "second").symlink_to("link")

    for name in ("link", "second"):
        with pytest.raises(PermissionError, match="link belongs to another user"):
            make_private(str(tmp_path / name / "spool"))
    assert list((tmp_path / "ours").iterdir()) == []


def test_自分のリンクには従う(tmp_path):
    """A link of our own is followed, relative or not."""
    (tmp_path / "ours").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("ours")
    (tmp_path / "second").symlink_to(tmp_path / "link")

    make_private(str(tmp_path / "second" / "spool"))

    assert (tmp_path / "ours" / "spool").is_dir()


def test_輪になったリンクは断られる(tmp_path):
    """Links that lead to each other are an error like any other of the disk."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links"):
        make_private(str(tmp_path / "a" / "spool"))


def test_誰でも書けるフォルダーの下では一度警告する(tmp_path, caplog):
    """Below a folder that is open to all, as a container's volume is, what is ours is private."""
    tmp_path.chmod(0o777)
    spool = Spool(str(tmp_path / "a" / "b"), "logs")

    assert spool.save(Request("secret"))
    assert spool.save(Request("secret"))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    (told,) = caplog.messages
    assert str(tmp_path) in told
    assert "chmod" in told


@as_root
def test_すり替えられたフォルダーには書かない(tmp_path):
    """Who exchanges our folder for his, where he may, gets nothing."""
    tmp_path.chmod(0o777)
    spool = Spool(str(tmp_path / "a"), "logs")
    assert spool.save(Request("first"))
    (tmp_path / "a").rename(tmp_path / "stolen")
    (tmp_path / "a").mkdir()
    os.chown(tmp_path / "a", NOBODY, NOBODY)
    for path in files(tmp_path / "stolen"):
        path.unlink()

    assert not spool.save(Request("secret"))
    assert files(tmp_path / "a") == []


def test_粘着ビットがあれば書く(tmp_path):
    """As in ``/tmp``, the sticky bit keeps others from renaming what is not theirs."""
    tmp_path.chmod(0o1777)
    folder = tmp_path / "a" / "b"

    make_private(str(folder))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_開かれたままの最後のフォルダーは閉じられる(tmp_path):
    """The folder itself is made private if it is ours and was not."""
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(0o755)

    make_private(str(folder))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@as_root
def test_割り込まれたフォルダーも確かめられる(tmp_path, monkeypatch):
    """Somebody who makes one of the folders first, in his own name, is noticed."""
    real = os.mkdir

    def mkdir(path, mode):
        real(path, mode)
        os.chown(path, NOBODY, NOBODY)
        raise FileExistsError(errno.EEXIST, "exists", path)

    monkeypatch.setattr(os, "mkdir", mkdir)

    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private(str(tmp_path / "a" / "b"))


def test_確実にと言えばフォルダーの名前もディスクに届く(tmp_path, monkeypatch):
    """With ``durable`` each folder that got a new one inside is synced."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))

    make_private(str(tmp_path / "a" / "b"), durable=True)

    assert synced == [tmp_path.stat().st_ino, (tmp_path / "a").stat().st_ino]
