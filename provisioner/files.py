"""How files are made: for their owner alone, whatever the umask, and never through a link of others.

What the product writes holds people's numbers, hashes of passwords or the audit log. In a folder that others may write
to, such as ``/tmp``, somebody else may have put a symbolic link in the place of a file; it is not followed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

FILE_MODE = 0o600
FOLDER_MODE = 0o700

#: Who else but the owner may write to a folder.
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

#: How the folders end in which files are made.
_DRAFT = ".provisioner-draft"

#: What file systems answer that have no hard links, such as those of memory sticks and of some file servers.
_WITHOUT_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

#: How many links are followed; the system follows as many.
_MOST_LINKS = 40


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone. One that is there stays as it is.

    Raises:

        OSError: It cannot be made.
    """
    for parent in (*reversed(folder.parents), folder):
        if not parent.exists():
            with suppress(FileExistsError):
                parent.mkdir(FOLDER_MODE)
                parent.chmod(FOLDER_MODE)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def reserve(file: Path) -> None:
    """Make an empty file if there is none, for a library that opens files by their names.

    SQLite gives the files beside a database the mode of the database.

    Raises:

        OSError: It cannot be made, or is a link that may be somebody else's.
    """
    place = _trusted(file)
    with suppress(FileExistsError):
        os.close(_created(place))


def expect_own_link(file: Path) -> None:
    """Check that a file which a library opens by its name is no link that somebody else may have made.

    Raises:

        OSError: It is.
    """
    _trusted(file)


def write(file: Path, text: str) -> None:
    """Write a file, whole or not at all. One that is there is replaced; its mode stays if it is this user's.

    What is no file, such as a terminal or a pipe, is written to.

    Raises:

        OSError: It cannot be written.
    """
    place = _place_of(file)
    if not _is_foreign_link(place) and _is_stream(place):
        place.write_text(text, encoding="utf-8")
        return
    mode = _own_mode(place)
    with replacing(place) as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), mode)


def write_once(file: Path, text: str) -> None:
    """Write a new file, whole. If there is one, for example of another process that was faster, it stays as it is.

    Raises:

        OSError: It cannot be written.
    """
    draft = file.with_name(f".{file.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(_created(draft), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def append(file: Path, text: str) -> None:
    """Add text to a file, which is made if there is none.

    Raises:

        OSError: It cannot be written, or is a link that may be somebody else's.
    """
    place = _trusted(file)
    reserve(place)
    descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "a", encoding="utf-8") as stream:
        stream.write(text)


@contextmanager
def replacing(file: Path) -> Iterator[IO[str]]:
    """Give a new file to write to, which takes the place of *file* at the end of the block if nothing fails.

    Raises:

        OSError: It cannot be made, or not be put in its place.
    """
    draft = file.with_name(f".{file.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(_created(draft), "w", encoding="utf-8") as stream:
            yield stream
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def replace_durably(file: Path, text: str, *, like: Path) -> None:
    """Write a file, and return when it is on the disk. After a power failure it has the former text or this one.

    One process at a time may do it; see :func:`locked`.

    Args:

        file: The file. It is made if there is none.

        text: Its new text.

        like: The file whose owner, group and mode it gets.

    Raises:

        OSError: It cannot be written.
    """
    draft, model = file.with_name(f".{file.name}.draft"), like.stat()
    draft.unlink(missing_ok=True)
    with os.fdopen(_created(draft), "w", encoding="utf-8") as stream:
        if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(stream.fileno(), model.st_uid, model.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(model.st_mode))
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    move_durably(draft, file)


@contextmanager
def created(file: Path) -> Iterator[IO[bytes]]:
    """Give a new file to write to, whose content is on the disk at the end of the block.

    Raises:

        FileExistsError: It is there already.

        OSError: It cannot be written.
    """
    with os.fdopen(_created(file), "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def write_durably(file: Path, content: bytes) -> None:
    """Write a file, and return when it is on the disk. A crash leaves the former file or this one, and never a part.

    Raises:

        OSError: It cannot be written. If it is there, it may be lost in a power failure.
    """
    draft = file.with_name(f".{file.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(_created(draft), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        move_durably(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def move_durably(file: Path, place: Path) -> None:
    """Put a file in the place of another one in the same folder, and return when that is on the disk.

    Raises:

        OSError: It cannot be moved.
    """
    file.replace(place)
    with _opened_folder(place.parent) as folder:
        os.fsync(folder)


def name_once(file: Path, name: Path) -> None:
    """Give a finished file its name in the same file system, and return when that is on the disk.

    Raises:

        FileExistsError: Something has the name already. It stays as it is.

        OSError: The file cannot be named.
    """
    try:
        os.link(file, name)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        os.close(_created(name))
        file.replace(name)
    with _opened_folder(name.parent) as folder:
        os.fsync(folder)


@contextmanager
def draft_folder(file: Path) -> Iterator[Path]:
    """Give a folder for what a file is made of, beside the file. At the end, it is removed.

    Folders that killed processes left there are removed, too.

    Raises:

        OSError: It cannot be made.
    """
    import shutil  # it imports compressors, and most commands need none of it

    for left in file.parent.glob(f".*{_DRAFT}"):
        with suppress(OSError), locked(left):
            if left.lstat().st_uid == os.geteuid():
                shutil.rmtree(left)
    folder = file.with_name(f".{file.name}.{os.urandom(8).hex()}{_DRAFT}")
    folder.mkdir(FOLDER_MODE)
    try:
        with locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let no other process do the same with this folder during the block. The lock ends with the process.

    Raises:

        BlockingIOError: Another process is in such a block.

        OSError: The folder cannot be read.
    """
    with _opened_folder(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


@contextmanager
def _opened_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _created(file: Path) -> int:
    """Return the descriptor of a new file."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def _trusted(file: Path) -> Path:
    """Return the file that *file* is or leads to.

    Raises:

        OSError: It is a link that may be somebody else's.
    """
    place = _place_of(file)
    if _is_foreign_link(place):
        raise OSError(errno.ELOOP, "it is a symbolic link in a folder that others may write to", str(file))
    return place


def _place_of(file: Path) -> Path:
    """Follow links, as far as nobody else can have made them and they lead to files."""
    for _ in range(_MOST_LINKS):
        if not file.is_symlink() or _is_foreign_link(file) or _is_stream(file):
            return file
        file = file.parent / file.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(file))


def _is_foreign_link(file: Path) -> bool:
    return file.is_symlink() and bool(file.parent.stat().st_mode & _OTHERS_WRITE)


def _is_stream(file: Path) -> bool:
    return file.exists() and not file.is_file() and not file.is_dir()


def _own_mode(file: Path) -> int:
    """Return the mode of a file that is there already and is this user's, and else that of a new one."""
    with suppress(FileNotFoundError):
        status = file.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
            return stat.S_IMODE(status.st_mode)
    return FILE_MODE
