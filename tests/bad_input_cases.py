"""Bad input, case by case: what is given, what facegen says, and the exit code.

tests/cli/test_bad_input.py runs each case; docs/update_bad_input.py makes the tables of
docs/bad-input.md of them.
"""

from __future__ import annotations

import bz2
import os
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import h5py
import numpy as np
from PIL import Image

import bad_files as bad
from bad_files import Make, picture
from toys import draw_photo

PREPARE = "prepare photos -o faces.h5 --size 16 --test-fraction 0 --workers 1 -q"
GENERATE = "generate --n 1 --seed 1 -o a.png"
DONE, FAILED, USAGE, SKIPPED = range(4)


@dataclass(frozen=True)
class Case:
    """One row of a table.

    Attributes:
        name: of the test, test_bad_input[name].
        given: what is given, in words.
        command: what stands behind `facegen`, run in the folder that `make` fills.
        says: the line on stderr, or its beginning where it ends in "..."; empty if nothing is
            wrong. The line names no usage and no count of skipped inputs, which may stand around
            it.
        code: the exit code.
        make: writes what is needed into a folder.
        writes: the files that are there afterwards and were not before.
        without_privileges: permission bits count, even for root.
        test: another test that shows it, as FILE::NAME; then nothing is run here.
    """

    name: str
    given: str
    command: str = PREPARE
    says: str = ""
    code: int = FAILED
    make: Make = lambda folder: None
    writes: tuple[str, ...] = ()
    without_privileges: bool = False
    test: str = ""


def prepared(name: str, given: str, *members: tuple[str, bytes], make: Make | None = None) -> Case:
    """Photos that are taken, besides a good one."""
    make = make or bad.photos(*members)
    return Case(name, given, PREPARE, "", DONE, make, ("faces.h5",))


def skipped(name: str, given: str, file: str, data: bytes, reason: str) -> Case:
    """A photo besides a good one that is skipped."""
    says = f"facegen: skipped {file}: {reason}"
    make = bad.photos((file, data))
    return Case(name, given, PREPARE, says, SKIPPED, make, ("faces.h5",))


MODES = {
    "1": picture(image=draw_photo(40, 30).convert("1")),
    "L": picture(image=draw_photo(40, 30).convert("L")),
    "LA": picture(image=draw_photo(40, 30).convert("LA")),
    "P": picture(image=draw_photo(40, 30).quantize(9)),
    "PA": picture("TIFF", draw_photo(40, 30).convert("LA")),
    "I;16": picture(image=Image.fromarray(np.full((30, 40), 40_000, np.uint16))),
    "F": picture("TIFF", draw_photo(40, 30).convert("F")),
    "CMYK": picture("JPEG", draw_photo(40, 30).convert("CMYK")),
    "YCbCr": picture("TIFF", draw_photo(40, 30).convert("YCbCr")),
    "RGBA": picture(image=draw_photo(40, 30).convert("RGBA")),
}
NOISE = {kind: picture(kind, bad.noise()) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")}
NOT_FINITE = picture("TIFF", Image.fromarray(np.full((30, 40), np.nan, np.float32)))
BOMB = bad.png_of_zeros(10_100, 10_000)
SHARPEN = "sharpen photos -o out -q"
SHARPENED = ("out", "out/good.png")

PICTURES = [
    *(
        skipped(
            f"truncated-{kind}",
            f"half of a {kind}",
            "bad.jpg",
            data[: len(data) // 2],
            "not an image that facegen reads" if kind == "WEBP" else "damaged: ...",
        )
        for kind, data in NOISE.items()
    ),
    skipped("empty", "an empty file", "bad.jpg", b"", "the file is empty"),
    skipped("text", "text", "bad.jpg", b"hi", "not an image that facegen reads"),
    skipped(
        "bomb",
        "a decompression bomb: 12 KB of PNG with 101 million pixels",
        "bad.png",
        BOMB,
        "10100x10000 is more than 100000000 pixels (--max-pixels)",
    ),
    skipped(
        "bomb-in-icon",
        "the same inside an icon that claims 16x16 pixels",
        "bad.png",
        bad.icon(BOMB),
        "not an image that facegen reads",
    ),
    skipped(
        "postscript",
        "a PostScript program, which is not run",
        "bad.jpg",
        picture("EPS"),
        "not an image that facegen reads",
    ),
    skipped(
        "nan",
        "floating point with NaN",
        "bad.tif",
        NOT_FINITE,
        "it holds values that are not finite",
    ),
    Case(
        "huge-file",
        "a file of 200 MB",
        PREPARE,
        "facegen: skipped big.jpg: 200000001 bytes are more than the 200000000 of any real photo",
        SKIPPED,
        bad.all_of(bad.photos(("big.jpg", b"")), bad.resized("photos/big.jpg", 200_000_001)),
        ("faces.h5",),
    ),
    Case(
        "no-good-photo",
        "not one photo that can be used",
        "prepare bad.jpg -o faces.h5 -q --workers 1",
        "facegen: no photo could be used: 1 skipped",
        make=bad.file("bad.jpg", b""),
    ),
    Case(
        "no-good-photo-reconstruct",
        "the same for `reconstruct`",
        "reconstruct bad.jpg -q --seed 1",
        "facegen: no photo could be used (bad.jpg: the file is empty)",
        make=bad.file("bad.jpg", b""),
    ),
    Case(
        "empty-folder",
        "a folder without photos",
        "prepare photos -o faces.h5 -q",
        "facegen: no photos found in photos",
        make=bad.folder("photos"),
    ),
    prepared("wrong-suffix", "a JPEG named as a PNG: taken", ("b.png", NOISE["JPEG"])),
    prepared("animated", "an animated GIF: its first picture", ("b.gif", bad.animation())),
    *(
        prepared(f"mode-{mode}", f"a picture of mode {mode}: taken", ("b.png", data))
        for mode, data in MODES.items()
    ),
    Case(
        "sharpen-odd-history",
        "a picture whose provenance was made up",
        "sharpen b.png -o c.png",
        "",
        DONE,
        bad.file("b.png", bad.claiming('{"facegen_version": "1", "sharpened": 5}')),
        ("c.png",),
    ),
    Case(
        "info-truncated",
        "half of a picture for `info`",
        "info b.png",
        "facegen: b.png: damaged: ...",
        make=bad.file("b.png", NOISE["PNG"][:4000]),
    ),
    Case(
        "info-no-json",
        "provenance that is not JSON",
        "info b.png",
        "facegen: b.png: the provenance is damaged: not JSON; expected ...",
        make=bad.file("b.png", bad.claiming('{"facegen_version')),
    ),
    Case(
        "info-deep",
        "provenance nested 200,000 deep",
        "info b.png",
        "facegen: b.png: the provenance is too long to be facegen's; expected ...",
        make=bad.file("b.png", bad.claiming("[" * 200_000)),
    ),
    Case(
        "unreadable",
        "a photo without permission to read it",
        PREPARE,
        "facegen: skipped b.png: Permission denied",
        SKIPPED,
        bad.all_of(bad.photos(("b.png", picture())), bad.mode("photos/b.png", 0)),
        ("faces.h5",),
        without_privileges=True,
    ),
    Case(
        "unreadable-folder",
        "a folder without permission, among photos",
        PREPARE,
        "facegen: skipped private: Permission denied",
        SKIPPED,
        bad.all_of(bad.photos(), bad.folder("photos/private"), bad.mode("photos/private", 0)),
        ("faces.h5",),
        without_privileges=True,
    ),
]

CROPPED = bad.claiming('{"grid": {"count": 1, "columns": 1, "height": 9, "width": 9}}')
SHARPENING = [
    *(
        Case(
            f"sharpen-{name}",
            given,
            SHARPEN,
            f"facegen: skipped {file}: {reason}",
            SKIPPED,
            bad.photos((file, data)),
            SHARPENED,
        )
        for name, given, file, data, reason in (
            (
                *("animated", "an animated GIF", "b.gif", bad.animation()),
                "it is animated; only single pictures can be sharpened",
            ),
            (
                *("16-bit", "16 bits of gray", "b.png", MODES["I;16"]),
                "it has more than 8 bits a channel; convert it to 8 first",
            ),
            (
                *("16-bit-colour", "16 bits of colour", "b.png"),
                bad.png_of_zeros(9, 9, bits=16, colour=2),
                "it has more than 8 bits a channel; convert it to 8 first",
            ),
            ("truncated", "half of a PNG", "b.png", NOISE["PNG"][:4000], "damaged: ..."),
            (
                *("cropped", "a sheet that was cropped, so that its grid is wrong", "b.png"),
                CROPPED,
                "the provenance's grid does not fit the picture; was it cropped?",
            ),
        )
    ),
    *(
        Case(
            f"sharpen-{name}",
            given,
            SHARPEN,
            "",
            DONE,
            bad.photos((file, data)),
            (*SHARPENED, f"out/{file}"),
        )
        for name, given, file, data in (
            ("lying-suffix", "a transparent PNG named as a JPEG: stays", "b.jpg", MODES["RGBA"]),
            ("inks", "a JPEG of four inks named as a PNG: stays one", "b.png", MODES["CMYK"]),
            ("long-exif", "a JPEG with EXIF data of 100 KB: kept", "b.jpg", bad.long_exif()),
        )
    ),
    Case(
        "sharpen-to-jpeg",
        "a transparent picture to be written as JPEG",
        "sharpen b.png -o c.jpg",
        "facegen: no picture could be sharpened: 1 skipped",
        make=bad.file("b.png", MODES["RGBA"]),
    ),
    Case(
        "sharpen-two-of-a-name",
        "two pictures of one name",
        "sharpen photos other/good.png -o out",
        "facegen: good.png and other/good.png would both become out/good.png; sharpen them into "
        "two folders",
        make=bad.all_of(bad.photos(), bad.folder("other"), bad.file("other/good.png", picture())),
    ),
    Case(
        "sharpen-empty-folder",
        "a folder without pictures",
        SHARPEN,
        "facegen: no pictures found in photos",
        make=bad.folder("photos"),
    ),
]

FOUND = [
    Case(
        "found-dangling",
        "a link that leads nowhere, in a folder",
        PREPARE,
        "facegen: skipped album: a link that leads nowhere",
        SKIPPED,
        bad.all_of(bad.photos(), lambda folder: (folder / "photos/album").symlink_to("gone")),
        ("faces.h5",),
    ),
    Case(
        "found-loop",
        "a link to the folder it lies in: each folder is read once",
        PREPARE,
        "",
        DONE,
        bad.all_of(bad.photos(), lambda folder: (folder / "photos/again").symlink_to(".")),
        ("faces.h5",),
    ),
    Case(
        "found-pipe",
        "a pipe named as a photo, in a folder",
        PREPARE,
        "facegen: skipped b.jpg: not an ordinary file",
        SKIPPED,
        bad.all_of(bad.photos(), lambda folder: os.mkfifo(folder / "photos/b.jpg")),
        ("faces.h5",),
    ),
    prepared("found-jp2", "JPEG 2000: taken", ("b.jp2", picture("JPEG2000"))),
    prepared("found-tga", "a Targa picture: taken", ("b.tga", picture("TGA"))),
    skipped(
        "found-memory",
        "a WebP whose decoder would take more than a gigabyte",
        "b.webp",
        bad.webp_of_size(9_000, 9_000),
        "9000x9000 as WEBP takes 1296 MB to decode, more than 800 (--max-pixels)",
    ),
    Case(
        "found-mark",
        "CelebA's identities with a byte order mark before them: read",
        f"{PREPARE} --identities people.txt",
        "",
        DONE,
        bad.all_of(bad.photos(), bad.file("people.txt", b"\xef\xbb\xbfgood.png 5\n")),
        ("faces.h5",),
    ),
]

NAMES = [
    Case(
        f"name-{name}",
        f"a damaged photo whose name {given}",
        PREPARE,
        f"facegen: skipped {shown}: the file is empty",
        SKIPPED,
        bad.photos((file, b"")),
        ("faces.h5",),
    )
    for name, given, file, shown in (
        ("newline", "has a line break and an escape code", "a\n\x1b[2J.png", r"a\n\x1b[2J.png"),
        ("bytes", "is not UTF-8", os.fsdecode(b"caf\xe9.png"), "caf\N{REPLACEMENT CHARACTER}.png"),
        ("dash", "begins with a dash", "-rf.png", "-rf.png"),
        ("spaces", "has spaces and quotes", """ a  'b' ".png""", """ a  'b' ".png"""),
        ("unicode", "is Japanese", "顔.png", "顔.png"),
        ("long", "has 255 bytes", "x" * 251 + ".png", "x" * 251 + ".png"),
    )
]
NAMES += [
    Case(
        "name-too-long",
        "a source with a name of 300 letters",
        f"prepare {'x' * 300} -o faces.h5",
        f"facegen: {'x' * 300} does not exist",
    ),
    Case(
        "name-zero-byte",
        "a file name with a zero byte on standard input",
        "prepare - -o faces.h5",
        "facegen: a\\x00b.png does not exist",
        make=bad.file("stdin", b"a\0b.png\n"),
    ),
    Case(
        "name-empty",
        "an empty source, as from a variable that isn't set",
        "prepare '' -o faces.h5",
        "facegen: a photo or folder with an empty name was given",
        make=bad.file("innocent.png", picture()),
    ),
    Case(
        "name-option",
        "a source that begins with a dash, without -- before it",
        "prepare -rf.png -o faces.h5",
        "Error: No such option ...",
        USAGE,
    ),
    Case(
        "name-output-too-long",
        "an output with a name of 300 letters",
        f"generate --n 1 --seed 1 -o {'x' * 300}.png",
        f"facegen: cannot write {'x' * 300}.png: File name too long",
    ),
    Case(
        "name-output-bytes",
        "an output whose name is not UTF-8: written",
        f"generate --n 1 --seed 1 -o {os.fsdecode(b'caf')}\udce9.png",
        "",
        DONE,
        writes=("caf\udce9.png",),
    ),
    Case(
        "name-store-too-long",
        "a store with a name of 300 letters",
        f"query {'x' * 300}",
        f"facegen: {'x' * 300} does not exist",
    ),
]

BZIP2_BOMB = {"big.png": 210 * bz2.compress(bytes(1_000_000))}
ZIP = "prepare a.zip -o faces.h5 --size 16 --test-fraction 0 --workers 1 -q"
TAR = "prepare a.tar -o faces.h5 --size 16 --test-fraction 0 --workers 1 -q"
MEMBERS = {"good.png": picture()}
LINKS = (
    bad.special("passwords.jpg", tarfile.SYMTYPE, "/etc/passwd"),
    bad.special("hard.jpg", tarfile.LNKTYPE, "/etc/passwd"),
    bad.special("device.jpg", tarfile.CHRTYPE),
    bad.special("pipe.jpg", tarfile.FIFOTYPE),
    (tarfile.TarInfo("good.png"), picture()),
)


def archive(
    name: str, given: str, file: str, data: bytes, says: str = "", code: int = FAILED
) -> Case:
    """A zip or tar archive; where it is not refused, a face set is written."""
    command = ZIP if file == "a.zip" else TAR.replace("a.tar", file)
    writes = () if code == FAILED else ("faces.h5",)
    return Case(name, given, command, says, code, bad.file(file, data), writes)


ARCHIVES = [
    archive(
        "zip-slip",
        "members named ../../x.png and /x.png: read, never unpacked to there",
        "a.zip",
        bad.zipped({"../../x.png": picture(), "/x.png": picture()}),
        code=DONE,
    ),
    Case(
        "zip-slip-sharpen",
        "the same for `sharpen`: written inside the output folder",
        "sharpen a.zip -o out",
        "",
        DONE,
        bad.file("a.zip", bad.zipped({"../../x.png": picture(), "/y.png": picture()})),
        ("out", "out/x.png", "out/y.png"),
    ),
    archive(
        "zip-nested",
        "an archive inside an archive: passed over",
        "a.zip",
        bad.zipped(MEMBERS | {"inner.zip": bad.zipped(MEMBERS)}),
        code=DONE,
    ),
    archive(
        "zip-nested-as-photo",
        "an archive inside an archive, named as a photo",
        "a.zip",
        bad.zipped(MEMBERS | {"inner.png": bad.zipped(MEMBERS)}),
        "facegen: skipped inner.png: not an image that facegen reads",
        SKIPPED,
    ),
    archive(
        "zip-encrypted",
        "an encrypted zip",
        "a.zip",
        bad.encrypted(bad.zipped(MEMBERS)),
        "facegen: no photo could be used: 1 skipped",
    ),
    archive(
        "zip-bomb",
        "a photo that unpacks to 300 MB, as it says",
        "a.zip",
        bad.lying(bad.zipped(MEMBERS | {"big.png": b""}), 300 << 20),
        "facegen: skipped big.png: 314572800 bytes are more than the 200000000 of any real photo",
        SKIPPED,
    ),
    archive(
        "zip-bomb-bzip2",
        "9 KB of bzip2 that unpack to 210 MB, declared as 1 KB",
        "a.zip",
        bad.lying(bad.packed_as_bzip2(bad.zipped(BZIP2_BOMB, zipfile.ZIP_STORED)), 1000),
        "facegen: no photo could be used: 1 skipped",
    ),
    archive(
        "zip-truncated",
        "a zip without its end",
        "a.zip",
        bad.zipped(MEMBERS)[:-30],
        "facegen: a.zip is damaged: neither a zip nor a tar archive",
    ),
    archive(
        "tar-truncated",
        "a tar that ends within a photo",
        "a.tar",
        bad.tarred((tarfile.TarInfo("a.png"), NOISE["BMP"]))[:3000],
        "facegen: a.tar is damaged: unexpected end of data",
    ),
    archive(
        "tar-links",
        "symbolic and hard links, devices and pipes in a tar: passed over",
        "a.tar",
        bad.tarred(*LINKS),
        code=DONE,
    ),
    archive(
        "tar-endless-name",
        "a tar.gz of 300 KB, its first member's name of 300 MB",
        "a.tar.gz",
        bad.endless_name(),
        "facegen: a.tar.gz is damaged: neither a zip nor a tar archive",
    ),
    *(
        archive(
            f"tar-sparse-{kind}",
            f"a sparse file in a tar ({kind}), whose map may be of any length",
            "a.tar",
            bad.tarred((tarfile.TarInfo("good.png"), picture()))[:-9216] + bad.sparse(kind),
            "facegen: a.tar is damaged: it holds a sparse file",
        )
        for kind in ("gnu", "pax")
    ),
]

ENCODE = "encode faces.h5 -o latents.h5 --seed 1 -q"
QUERY = "query latents.h5"
OTHER = "other.h5"


def face_set(name: str, given: str, change: Callable[[h5py.File], object], says: str) -> Case:
    """A face set of three faces that another program changed, for `encode`."""
    make = bad.changed(bad.faces, "faces.h5", change)
    return Case(name, given, ENCODE, f"facegen: {says}", make=make)


def store(
    name: str,
    given: str,
    change: Callable[[h5py.File], object],
    says: str,
    command: str = QUERY,
) -> Case:
    """A store of three rows that another program changed."""
    make = bad.changed(bad.store, "latents.h5", change)
    return Case(name, given, command, f"facegen: {says}", make=make)


NO_IMAGES = "faces.h5 has no dataset 'images'; it is damaged or not facegen's"
HDF5 = [
    Case(
        "h5-truncated",
        "a face set that lost its end",
        ENCODE,
        "facegen: faces.h5 can't be opened: truncated",
        make=bad.all_of(bad.faces, bad.resized("faces.h5", -100)),
    ),
    Case(
        "h5-store-truncated",
        "a store that lost its end",
        QUERY,
        "facegen: latents.h5 can't be opened: truncated",
        make=bad.all_of(bad.store, bad.resized("latents.h5", -100)),
    ),
    Case(
        "h5-text",
        "text named as a face set",
        ENCODE,
        "facegen: faces.h5 is not an HDF5 file; expected facegen-faces ('facegen prepare PHOTOS' "
        "makes it)",
        make=bad.file("faces.h5", b"hello"),
    ),
    Case(
        "h5-wrong-kind",
        "a store in place of a face set",
        "encode latents.h5 -o new.h5 -q",
        "facegen: latents.h5 is facegen-latents; expected facegen-faces ('facegen prepare PHOTOS' "
        "makes it)",
        make=bad.store,
    ),
    Case(
        "h5-folder",
        "a folder in place of a store",
        "query .",
        "facegen: . is a folder, not a file; expected facegen-latents ('facegen encode FACES.h5' "
        "makes it)",
    ),
    Case(
        "h5-device",
        "a device in place of a store",
        "query /dev/zero",
        "facegen: /dev/zero is not an ordinary file",
    ),
    face_set(
        "h5-newer",
        "a face set of a later version",
        lambda file: file.attrs.modify("format_version", 3),
        "faces.h5 has facegen-faces version 3, this facegen reads up to 2; upgrade facegen",
    ),
    face_set(
        "h5-soft-link",
        "a soft link to another dataset in place of the images",
        bad.linked("images", h5py.SoftLink("/names")),
        NO_IMAGES,
    ),
    face_set(
        "h5-external-link",
        "a link to another file",
        bad.linked("images", h5py.ExternalLink(OTHER, "/images")),
        NO_IMAGES,
    ),
    face_set(
        "h5-external-storage",
        "images that lie in another file, here /etc/passwd",
        bad.replaced("split", shape=3, dtype="u1", external=[("/etc/passwd", 0, 3)]),
        "faces.h5: 'split' is not a plain dataset",
    ),
    face_set(
        "h5-virtual",
        "a virtual dataset, whose parts lie in another file",
        bad.to_virtual,
        "faces.h5: 'split' is not a plain dataset",
    ),
    face_set(
        "h5-huge",
        "a billion faces declared in a file of 100 KB",
        bad.to_huge,
        "faces.h5 is damaged: 'images' is (1000000000, 96, 96, 3), for which it is too small",
    ),
    face_set(
        "h5-names",
        "names that are numbers",
        bad.replaced("names", data=np.arange(3)),
        "faces.h5: 'names' is (3,) int64; expected 1 dimensions of text",
    ),
    face_set(
        "h5-labels",
        "labels of faces that are text",
        bad.replaced("identities", data=["a", "b", "c"]),
        "faces.h5: 'identities' is (3,) object; expected 1 dimensions of <class 'numpy.int32'>",
    ),
    face_set(
        "h5-lengths",
        "fewer names than images",
        bad.replaced("names", data=["a", "b"]),
        "faces.h5 is damaged: images, names and split differ in length",
    ),
    store(
        "h5-store-attribute-names",
        "names of labels that are numbers",
        bad.replaced("attribute_names", data=np.arange(1)),
        "latents.h5: 'attribute_names' is (1,) int64; expected 1 dimensions of text",
    ),
    store(
        "h5-store-names",
        "names that are numbers",
        bad.replaced("names", data=np.arange(3)),
        "latents.h5: 'names' is (3,) int64; expected 1 dimensions of text",
    ),
    store(
        "h5-store-rows-done",
        "more rows done than there are",
        lambda file: file["rows_done"].write_direct(np.array(9, "u8")),
        "latents.h5 is damaged: its datasets differ in length",
    ),
    store(
        "h5-store-nan",
        "a row with NaN, to be decoded",
        bad.set_nan,
        "latents.h5: z of row 1 is not finite; choose other rows",
        "generate --latents latents.h5 --rows 0-2 -o a.png",
    ),
    Case(
        "h5-store-nan-query",
        "a row with NaN for `query --json`: its radius is null",
        "query latents.h5 --json",
        "",
        DONE,
        bad.changed(bad.store, "latents.h5", bad.set_nan),
    ),
    Case(
        "h5-store-other-weights",
        "a store of other weights, to be decoded",
        "generate --latents latents.h5 --rows 0 -o a.png",
        "facegen: latents.h5 was made with other weights () than celeba-vae; name its weights "
        "with --weights",
        make=bad.changed(
            bad.store, "latents.h5", lambda file: file.attrs.modify("encoder_sha256", "x")
        ),
    ),
    Case(
        "h5-checkpoint",
        "a checkpoint that is text",
        "train faces.h5 -o w --resume",
        "facegen: w/checkpoint.h5 is not an HDF5 file; expected facegen-checkpoint",
        make=bad.all_of(bad.folder("w"), bad.file("w/checkpoint.h5", b"hello")),
    ),
]

WITH_W = f"{GENERATE} --weights w --decoder plain"
WEIGHTS = [
    Case(
        "weights-missing",
        "a folder that isn't there",
        WITH_W,
        "facegen: no weights in w: config.json is missing; name a folder that ...",
    ),
    Case(
        "weights-start-missing",
        "`--start-from` a folder that isn't there",
        "train faces.h5 -o new --start-from w",
        "facegen: no weights in w: config.json is missing; name a folder that ...",
        make=bad.faces,
    ),
    Case(
        "weights-start-not-crisp",
        "`refine --start-from` weights that have no crisp decoder",
        "refine w faces.h5 --start-from w",
        "facegen: the weights w have no crisp decoder; 'facegen refine' trains one",
        make=bad.together(bad.faces, bad.weights),
    ),
    Case(
        "weights-digest",
        "a decoder that was changed",
        WITH_W,
        "facegen: w/decoder.tflite is damaged: its digest is not the one in config.json",
        make=bad.damaged_graph,
    ),
    Case(
        "weights-no-decoder",
        "a decoder that is missing",
        WITH_W,
        "facegen: w/decoder.tflite does not exist",
        make=bad.no_graph,
    ),
    Case(
        "weights-no-graph",
        "a decoder that is text, with the right digest",
        WITH_W,
        "facegen: w/decoder.tflite is damaged: ...",
        make=bad.weights,
    ),
    Case(
        "weights-other-shape",
        "a decoder for other points than config.json says",
        WITH_W,
        "facegen: w/decoder.tflite is damaged: it takes (256,) and gives (96, 96, 3), config.json "
        "says (255,) and (96, 96, 3)",
        make=bad.wrong_latent_dim,
    ),
    *(
        Case(
            f"weights-{name}",
            f"a config.json that is {given}",
            WITH_W,
            f"facegen: w/config.json {says}",
            make=bad.config_text(text),
        )
        for name, given, text, says in (
            ("empty", "empty", b"", "is damaged: Expecting value: ..."),
            ("cut", "cut off", b'{"format": "face', "is damaged: Unterminated string ..."),
            ("bytes", "not UTF-8", b"\xff\xfe", "is damaged: 'utf-8' codec ..."),
            ("deep", "nested 100,000 deep", b"[" * 100_000, "is damaged: maximum recursion ..."),
            ("list", "a list", b"[]", "does not describe facegen weights"),
        )
    ),
    Case(
        "weights-model",
        "a config.json with an impossible network",
        WITH_W,
        "facegen: w/config.json is damaged: filters, kernels, strides and latent_dim must be at "
        "least 1",
        make=bad.config(lambda values: values["model"].update(latent_dim=0)),
    ),
    Case(
        "weights-path",
        "a config.json that names a file outside the folder",
        WITH_W,
        "facegen: w/config.json records no decoder.tflite",
        make=bad.config(lambda values: values.update(files={"../../x": "0"})),
    ),
    Case(
        "weights-keras",
        "a Keras archive with Lambda code, which is not run",
        f"{GENERATE} --weights model.keras",
        "facegen: no weights in model.keras: config.json is missing; name a folder that ...",
        make=bad.keras_archive,
    ),
    Case(
        "weights-keras-h5",
        "Keras's HDF5 with Lambda code, which is not run",
        f"{GENERATE} --weights model.h5",
        "facegen: no weights in model.h5: config.json is missing; name a folder that ...",
        make=bad.keras_h5,
    ),
    Case(
        "weights-keras-inside",
        "a Keras archive with Lambda code as the decoder, with the right digest",
        WITH_W,
        "facegen: w/decoder.tflite is damaged: ...",
        make=bad.keras_as_decoder,
    ),
]


def option(name: str, given: str, words: str, says: str) -> Case:
    """A value that an option refuses, before anything is read."""
    return Case(f"option-{name}", given, words, f"Error: {says}", USAGE)


RANGE_ROWS = "Invalid value for '--rows': "
OPTIONS = [
    option(
        "nan",
        "NaN",
        "generate --r-limit nan",
        "Invalid value for '--r-limit': nan is not a finite number.",
    ),
    option(
        "infinite",
        "infinity",
        "generate --sharpen inf",
        "Invalid value for '--sharpen': inf is not in the range 0<=x<=1000.",
    ),
    option(
        "negative",
        "a negative number",
        "generate --n -1",
        "Invalid value for '-n' / '--n': -1 is not in the range 1<=x<=1000000000.",
    ),
    option(
        "huge",
        "a huge number",
        f"generate --seed {10**30}",
        f"Invalid value for '--seed': {10**30} is not in the range 0<=x<=9223372036854775807.",
    ),
    option(
        "thousands-of-digits",
        "a number of 5,000 digits",
        f"generate --n {'9' * 5000}",
        "Invalid value for '-n' / '--n': ...",
    ),
    option(
        "empty-number",
        "an empty number",
        "generate --n ''",
        "Invalid value for '-n' / '--n': '' is not a valid integer range.",
    ),
    option(
        "empty-list",
        "an empty list",
        "generate --sweep ''",
        "Invalid value for '--sweep': '' is not a valid number.",
    ),
    option(
        "empty-path",
        "an empty output",
        "generate -o ''",
        "Invalid value for '-o' / '--output': the name is empty.",
    ),
    option(
        "empty-weights",
        "empty weights",
        "generate --weights ''",
        "Invalid value for '--weights': the name is empty.",
    ),
    option(
        "box",
        "a box without area",
        "prepare x --box 5,5,5,9",
        "--box needs LEFT < RIGHT and UPPER < LOWER.",
    ),
    option(
        "unknown",
        "an option that doesn't exist",
        "generate --colour",
        "No such option ...",
    ),
    Case(
        "option-rows",
        "rows that are no numbers",
        "generate --latents latents.h5 --rows 3-x -o a.png",
        "facegen: '3-x' is no row number and no range; write rows as 3,17,20-40",
        make=bad.store,
    ),
    Case(
        "option-rows-many",
        "a range of 10^18 rows",
        f"generate --latents latents.h5 --rows 0-{10**18} -o a.png",
        f"facegen: latents.h5 has rows 0 to 2; asked for row {10**18}",
        make=bad.store,
    ),
    Case(
        "option-rows-outside",
        "a row that isn't there",
        "generate --latents latents.h5 --rows 3 -o a.png",
        "facegen: latents.h5 has rows 0 to 2; asked for row 3",
        make=bad.store,
    ),
    Case(
        "option-many",
        "others of the kind: 24 lines",
        "...",
        "...",
        USAGE,
        test="cli/test_main.py::test_a_bad_value_is_refused_with_what_would_be_right",
    ),
]

HARD_LINK = bad.all_of(
    bad.store, lambda folder: (folder / "link.npy").hardlink_to(folder / "latents.h5")
)
SYMBOLIC_LINK = bad.all_of(bad.store, lambda folder: (folder / "link.png").symlink_to("latents.h5"))
PHOTO = bad.file("photo.png", bad.picture())
EXPLORER = "explore --static explorer"
NO_LOCK = "no lock file of facegen's; name another"
OUTPUTS = [
    Case(
        "output-exists",
        "an output that exists",
        GENERATE,
        "facegen: a.png exists already; choose another name or add --force",
        make=bad.file("a.png", b"precious"),
    ),
    Case(
        "output-folder",
        "a folder as output, even with --force",
        f"{GENERATE} --force",
        "facegen: a.png is a folder; name a file in it",
        make=bad.folder("a.png"),
    ),
    Case(
        "output-device",
        "a device as output",
        "evaluate faces.h5 -o /dev/null --force",
        "facegen: /dev/null is not an ordinary file; name another",
        make=bad.faces,
    ),
    Case(
        "output-pipe",
        "a pipe as output",
        f"{GENERATE} --force",
        "facegen: a.png is not an ordinary file; name another",
        make=lambda folder: os.mkfifo(folder / "a.png"),
    ),
    Case(
        "output-no-folder",
        "an output in a folder that isn't there",
        "generate --n 1 --seed 1 -o nowhere/a.png",
        "facegen: the folder nowhere does not exist; create it first",
    ),
    Case(
        "output-file-as-folder",
        "a file where a folder is needed",
        "generate --n 1 --seed 1 --individual a",
        "facegen: cannot write a: File exists",
        make=bad.file("a", b"precious"),
    ),
    Case(
        "output-locked-folder",
        "a folder without permission to write",
        "generate --n 1 --seed 1 -o locked/a.png",
        "facegen: no permission to write in the folder locked",
        make=bad.all_of(bad.folder("locked"), bad.mode("locked", 0o500)),
        without_privileges=True,
    ),
    Case(
        "output-dangling",
        "a link that leads nowhere: it exists, too, and what it names is not made",
        GENERATE,
        "facegen: a.png exists already; choose another name or add --force",
        make=lambda folder: (folder / "a.png").symlink_to("nowhere"),
    ),
    Case(
        "output-dangling-force",
        "a link that leads nowhere, with --force: replaced, what it names is not made",
        f"{GENERATE} --force",
        "",
        DONE,
        lambda folder: (folder / "a.png").symlink_to("nowhere"),
        ("a.png",),
    ),
    Case(
        "output-is-input",
        "the input as output",
        "encode faces.h5 -o faces.h5 --force",
        "facegen: faces.h5 is the input; choose another output",
        make=bad.faces,
    ),
    *(
        Case(
            f"output-is-input-{name}",
            f"the input as output: {command.split()[0]}",
            f"{command} --force",
            f"facegen: {name} is the input; choose another output",
            make=make,
        )
        for name, command, make in (
            ("latents.h5", "fit latents.h5 -o latents.h5", bad.store),
            ("link.npy", "export latents.h5 --npy -o link.npy", HARD_LINK),
            ("link.png", "analyze radius latents.h5 -o link.png", SYMBOLIC_LINK),
            ("photo.png", "sharpen photo.png --sharpen 3 -o photo.png", PHOTO),
        )
    ),
    Case(
        "output-individual",
        "single pictures that exist",
        "generate --n 2 --seed 1 --individual a",
        "facegen: a/face-1.png exists already; choose another folder or add --force",
        make=bad.all_of(bad.folder("a"), bad.file("a/face-1.png", b"precious")),
    ),
    Case(
        "output-plot",
        "a plot's name that exists",
        "evaluate faces.h5 --plot a.png",
        "facegen: a.png exists already; choose another name or add --force",
        make=bad.all_of(bad.faces, bad.file("a.png", b"precious")),
    ),
    *(
        Case(f"explorer-{name}", given, f"{EXPLORER}{force}", f"facegen: {says}", make=make)
        for name, given, force, says, make in (
            (
                "exists",
                "a folder with something in it for a static explorer",
                "",
                "explorer exists already; choose another name or add --force",
                bad.all_of(bad.folder("explorer"), bad.file("explorer/notes.txt", b"precious")),
            ),
            (
                "another-s",
                "a folder of somebody's, even with --force",
                " --force",
                "explorer is no static explorer that facegen made; name another folder",
                bad.all_of(bad.folder("explorer"), bad.file("explorer/notes.txt", b"precious")),
            ),
            (
                "with-notes",
                "a static explorer with a file of somebody's in it, even with --force",
                " --force",
                "explorer/notes.txt is not facegen's; move it away, or name another folder",
                bad.all_of(
                    bad.folder("explorer"),
                    bad.file("explorer/facegen.json", b'{"kind": "static explorer", "files": {}}'),
                    bad.file("explorer/notes.txt", b"precious"),
                ),
            ),
            (
                "file",
                "a file in its place, even with --force",
                " --force",
                "explorer is a file; name a folder",
                bad.file("explorer", b"precious"),
            ),
        )
    ),
    *(
        Case(
            f"lock-{name}",
            f"{what} as lock file: it stays as it is",
            "--lock a.lock generate --n 1 --seed 1 -o a.png",
            f"facegen: a.lock is {says}",
            make=make,
        )
        for name, what, says, make in (
            ("data", "a file with content", NO_LOCK, bad.file("a.lock", b"precious")),
            ("pipe", "a pipe", NO_LOCK, lambda folder: os.mkfifo(folder / "a.lock")),
            (
                "link",
                "a link",
                "a link; name another lock file",
                lambda folder: (folder / "a.lock").symlink_to("nowhere"),
            ),
        )
    ),
    Case(
        "output-suffix",
        "an output with another suffix",
        "generate -o a.gif",
        "Error: -o must end in .png (a sheet) or .h5 (a face set), not '.gif'",
        USAGE,
    ),
    Case(
        "output-gone",
        "an output folder that vanishes while photos are read",
        "prepare slow.png -o out/faces.h5",
        "facegen: the folder out does not exist; create it first",
        test="cli/test_bad_input.py::test_an_output_folder_that_vanishes_is_one_clear_line",
    ),
    Case(
        "output-full",
        "a full disk while a face set is written",
        "prepare ...",
        "facegen: cannot write faces.h5: File too large",
        test="io/test_face_set.py::test_a_full_disk_is_one_clear_line_and_leaves_nothing",
    ),
    Case(
        "output-full-encode",
        "a full disk while points are written; later the same command completes them",
        "encode ...",
        "facegen: cannot write latents.h5: File too large",
        test="api/test_encode.py::test_a_full_disk_is_an_error_and_the_same_command_completes_later",
    ),
    Case(
        "output-locked",
        "an output that another process is writing",
        "encode ...",
        "facegen: another facegen (process N) is writing latents.h5; wait until it is done, ...",
        test="api/test_encode.py::"
        "test_a_second_writer_is_told_who_the_first_is_and_a_kill_frees_the_lock",
    ),
]

NO_ROOM = "promises/test_strangers.py::test_what_a_file_has_no_room_for_is_refused"
BOUNDED = (
    "promises/test_strangers.py::test_a_file_that_is_refused_takes_two_seconds_and_200_mib_at_most"
)
STRANGERS = [
    Case(
        "provenance-rows",
        "a sheet of 2 faces that says it was made of a billion rows",
        "reproduce sheet.png",
        "facegen: sheet.png: the provenance is damaged: it asks for more than 2 rows",
        test=NO_ROOM,
    ),
    Case(
        "provenance-steps",
        "a GIF of 4 pictures that says it has 1000 steps",
        "reproduce a.gif",
        "facegen: a.gif: the provenance is damaged: it asks for 2000 pictures, more than it has",
        test=NO_ROOM,
    ),
    Case(
        "provenance-scale",
        "a GIF of 32x32 pixels that says it is 32 times larger than its faces",
        "reproduce a.gif",
        "facegen: a.gif: its pictures have 32x32 pixels, by its provenance 1024x1024",
        test=NO_ROOM,
    ),
    Case(
        "provenance-of-lists",
        "a PNG whose provenance is 2 million lists",
        "info lists.png",
        "facegen: lists.png: the provenance is too long to be facegen's; ...",
        test=BOUNDED,
    ),
    Case(
        "text-without-end",
        "a PNG with 60 MB of text",
        "info text.png",
        "facegen: text.png: too much, or too many parts, for a file of facegen's; ...",
        test=BOUNDED,
    ),
    Case(
        "frames-without-end",
        "a GIF of 3 million frames",
        "info frames.gif",
        "facegen: frames.gif: it has more than 100000 frames; ...",
        test=BOUNDED,
    ),
    Case(
        "video-without-end",
        "an MP4 whose comment has 190 MB",
        "info comment.mp4",
        "facegen: comment.mp4: the provenance is too long to be facegen's; ...",
        test=BOUNDED,
    ),
]

FROM_STDIN = "prepare - -o faces.h5 --size 16 --test-fraction 0 --workers 1 -q"
ODD_NAMES = ("caf\udce9.png", "a\u2028b.png", "c\x85d.png", "e\x0cf.png", "g\rh.png")
FULL = "facegen: cannot write to standard output: No space left on device"
STREAMS = [
    Case(
        "stdin-names",
        "names on standard input that are not UTF-8, or have U+2028, NEL, FF or CR in them: taken",
        FROM_STDIN,
        "",
        DONE,
        bad.listed(b"\n", *ODD_NAMES),
        ("faces.h5",),
    ),
    Case(
        "stdin-null",
        "names with line breaks, zero bytes between them (`find -print0`), and -0: taken",
        f"{FROM_STDIN} -0",
        "",
        DONE,
        bad.listed(b"\0", "a\nb.png", *ODD_NAMES),
        ("faces.h5",),
    ),
    Case(
        "stdin-null-unread",
        "-0 where no names are read",
        "prepare photos -0",
        "Error: --null goes with -, for names on standard input.",
        USAGE,
    ),
    Case(
        "stdin-closed",
        "names from a standard input that is closed (`<&-`)",
        "prepare -",
        "facegen: standard input is closed; '-' stands for what it holds",
        test="promises/test_pipes.py::test_names_from_a_closed_standard_input_are_an_error",
    ),
    Case(
        "streams-closed",
        "closed standard streams (`<&- >&- 2>&-`), where a file is made: the same file",
        "generate ...",
        "",
        DONE,
        test="promises/test_pipes.py::test_with_closed_streams_the_same_file_is_made",
    ),
    Case(
        "stdout-full",
        "a full disk under standard output, where a file is made: the file is there",
        "generate -o a.png",
        f"{FULL}; a.png is written",
        DONE,
        test="promises/test_pipes.py::"
        "test_output_that_nobody_takes_is_no_error_where_a_file_is_made",
    ),
    Case(
        "stdout-full-result",
        "a full disk under standard output, or a closed one, where the result goes there",
        "query latents.h5",
        FULL,
        test="promises/test_pipes.py::test_a_result_that_cannot_be_printed_is_an_error_of_one_line",
    ),
    Case(
        "reader-left",
        "a reader who leaves (`| head -1`), where files are made: all are made",
        "sharpen photos -o sharp",
        "",
        DONE,
        test="promises/test_pipes.py::test_a_reader_who_leaves_stops_no_work_on_files",
    ),
    Case(
        "reader-left-result",
        "the same where the result is only printed: it ends at once",
        "query latents.h5",
        "",
        DONE,
        test="promises/test_pipes.py::test_a_reader_who_has_had_enough_ends_what_is_only_printed",
    ),
    Case(
        "terminal-closed",
        "a terminal that is closed (SIGHUP): nothing half-written",
        "generate ...",
        "",
        129,
        test="promises/test_pipes.py::test_a_terminal_that_is_closed_leaves_nothing_behind",
    ),
    Case(
        "names-on-terminal",
        "names with escape sequences in a store, on a terminal: shown as escapes",
        "query latents.h5 --csv",
        "",
        DONE,
        test="promises/test_terminal.py::test_names_of_a_store_are_shown_as_escapes_on_a_terminal",
    ),
]

ODD_MU = bad.changed(
    bad.store, "latents.h5", lambda file: file["mu"].write_direct(np.full((3, 256), np.nan, "f4"))
)
NUMBERS = [
    Case(
        "number-nan-attributes",
        "a labelled face whose mu is NaN, for `attributes`",
        "attributes latents.h5 -q",
        "facegen: latents.h5: mu of row 0 is not finite; its labels can't be counted. Was the "
        "training broken?",
        make=ODD_MU,
    ),
    Case(
        "components-one-point",
        "a store whose points are all the same, for `attributes --unsupervised`",
        "attributes latents.h5 --unsupervised -q",
        "facegen: latents.h5 has no two training faces that differ",
        make=bad.store,
    ),
    Case(
        "component-unknown",
        "a direction that there is not",
        "edit seed:1 --attribute pc-99=1 -o a.png",
        "facegen: ...components.h5 has no direction 'pc-99'; it has pc-1 to pc-30, layer-1 to "
        "layer-30",
        test="api/test_components.py::test_what_is_missing_is_said",
    ),
    Case(
        "number-nan-fit",
        "a row with NaN for `fit`",
        "fit latents.h5 -o s.h5 -q",
        "facegen: latents.h5: z of row 1 is not finite; it can't be fitted. Was the training "
        "broken?",
        make=bad.changed(bad.store, "latents.h5", bad.set_nan),
    ),
    Case(
        "number-nan-edit",
        "a row with NaN for `edit`",
        "edit latents.h5:2 --attribute Smiling=1 -o a.png",
        "facegen: latents.h5: mu of row 2 is not finite; choose other rows",
        make=ODD_MU,
    ),
    Case(
        "number-nan-json",
        "a number that is not finite, for any `--json`",
        "... --json",
        "facegen: labels.1.cosine is nan, which JSON can't hold. ...",
        test="promises/test_json.py::test_a_number_that_is_not_finite_is_named",
    ),
    Case(
        "number-nan-attribute",
        "a store whose epsilon_scale is NaN",
        "info latents.h5",
        "facegen: latents.h5 is damaged: the attribute 'epsilon_scale' is nan",
        make=bad.changed(
            bad.store, "latents.h5", lambda file: file.attrs.modify("epsilon_scale", np.nan)
        ),
    ),
    Case(
        "number-latent-dim",
        "a store with the right encoder's digest and another number of coordinates",
        "generate --n 1 --seed 1 --nearest latents.h5 -o a.png",
        "facegen: latents.h5 is damaged: its points have 4 coordinates, those of celeba-vae 256",
        make=bad.changed(bad.store, "latents.h5", bad.narrowed),
    ),
    Case(
        "number-size",
        "faces too small for the numbers of `evaluate`",
        "evaluate faces.h5 --pixels-only -q",
        "facegen: faces.h5 has faces of 8 pixels; at least 11 are needed",
        make=lambda folder: bad.faces(folder, 8),
    ),
    Case(
        "number-labels",
        "a store whose face set has other labels now",
        "encode faces.h5",
        "facegen: latents.h5 was made when faces.h5 had other attributes; choose another output, "
        "or add --force to begin anew",
        test="promises/test_numbers.py::"
        "test_a_store_whose_face_set_has_other_labels_now_is_not_complete",
    ),
    Case(
        "number-rows",
        "300 million rows of a store of three",
        "generate --latents latents.h5 --rows 0-299999999 -o a.png",
        "facegen: latents.h5 has rows 0 to 2; asked for row 299999999",
        make=bad.store,
    ),
    Case(
        "number-seed-rows",
        "300 million faces of a seed, to be edited",
        "edit seed:1:0-299999999 --attribute Smiling=1 -o a.png",
        "facegen: more than 10000 rows given",
    ),
    Case(
        "number-seed-sampler",
        "a face of a seed with an option that no sampler has",
        "edit seed:1:0:limit=2 --radius 3 -o a.png",
        "facegen: 'limit=2' is not one of sigma=, r-limit=, sampler=, radius=, radius-percentile=, "
        "truncation=, each once at most",
    ),
    Case(
        "number-single",
        "two faces for one picture",
        "edit seed:1:0-1 --single -o a.png",
        "facegen: a single picture is of one face, and there are 2",
    ),
    Case(
        "number-mix",
        "three faces to be mixed",
        "morph seed:1:0-2 --mix 0.5,0.5 -o a.png",
        "facegen: a mix is of two faces at U, or of four at U,V, not of 3 at 0.5,0.5",
    ),
    Case(
        "number-seeds",
        "two seeds for photos, which are all taken",
        "reconstruct photo.png --align no --points z --seed 1 --seed 2 -o a.png",
        "facegen: several seeds choose a row of a face set's faces each: leave out the number of "
        "faces, or for photos all seeds but one",
    ),
    Case(
        "number-sweep",
        "two steps of a sweep whose names are the same",
        "generate --n 1 --seed 1 --sweep 2,2.0000001 -o a.png",
        "Error: --sweep has two steps whose sheet is a-r2.png.",
        USAGE,
    ),
    Case(
        "number-interval",
        "an interval whose larger number comes first",
        "analyze radius latents.h5 --interval 24,12",
        "Error: interval 24,12: the smaller number comes first",
        USAGE,
        bad.store,
    ),
]

TWO_PARTS = bad.all_of(bad.part("1.h5", 1), bad.part("2.h5", 2))
MERGE = "merge 1.h5 2.h5 3.h5 -o whole.h5 -q"
PARTS = [
    Case(
        "parts-seed",
        "a part of another seed",
        MERGE,
        "facegen: 3.h5 is no part of the same whole as 1.h5: its seed is 2, not 1",
        make=bad.all_of(TWO_PARTS, bad.part("3.h5", 3, seed=2)),
    ),
    Case(
        "parts-model",
        "a part of other weights",
        MERGE,
        "facegen: 3.h5 is no part of the same whole as 1.h5: its weights' encoder_sha256 is b, "
        "not a",
        make=bad.all_of(TWO_PARTS, bad.part("3.h5", 3, encoder="b")),
    ),
    Case(
        "parts-twice",
        "a part twice",
        MERGE,
        "facegen: 2.h5 and 3.h5 are both part 2 of 3; leave one out",
        make=bad.all_of(TWO_PARTS, bad.part("3.h5", 2)),
    ),
    Case(
        "parts-missing",
        "a part missing",
        "merge 2.h5 1.h5 -o whole.h5",
        "facegen: of the 3 parts 1 is missing: 3",
        make=TWO_PARTS,
    ),
    Case(
        "parts-incomplete",
        "a part that is not complete",
        MERGE,
        "facegen: 3.h5 is not complete: 1 of its 2 rows are there; 'facegen encode' goes on",
        make=bad.all_of(TWO_PARTS, bad.part("3.h5", 3, rows=1)),
    ),
    Case(
        "parts-whole",
        "a store that is no part",
        "merge latents.h5 -o whole.h5",
        "facegen: latents.h5 is no part; --shard of 'facegen prepare', 'encode' or 'generate' "
        "makes them",
        make=bad.store,
    ),
    Case(
        "parts-another",
        "a part whose numbers can't be",
        "merge 1.h5 2.h5 -o whole.h5",
        "facegen: 1.h5 is damaged: its 2 rows are not those of part 1 of 3, rows 0 to 1 of 6",
        make=bad.changed(TWO_PARTS, "1.h5", lambda file: file.attrs.modify("first_row", 1)),
    ),
    Case(
        "parts-output",
        "a part as output",
        "merge 1.h5 2.h5 3.h5 -o 2.h5 --force",
        "facegen: 2.h5 is the input; choose another output",
        make=bad.all_of(TWO_PARTS, bad.part("3.h5", 3)),
    ),
    Case(
        "shard-none",
        "a shard that isn't there",
        "encode faces.h5 --shard 4/3 --seed 1 -o part.h5",
        "Error: Invalid value for '--shard': there is no shard 4/3; I/N goes from 1/N to N/N, "
        "N up to 100000.",
        USAGE,
    ),
    Case(
        "shard-no-seed",
        "a shard without a seed",
        "generate --n 9 --shard 1/3 -o part.h5",
        "Error: --shard needs --seed, the same for all parts.",
        USAGE,
    ),
    Case(
        "shard-too-many",
        "more shards than rows",
        "encode faces.h5 --shard 1/4 --seed 1 -o part.h5",
        "facegen: 3 rows can't be divided into 4 parts",
        make=bad.faces,
    ),
    Case(
        "shard-another",
        "another shard's file as output",
        "encode faces.h5 --shard 2/3 --seed 1 -o 1.h5",
        "facegen: 1.h5 is part 1 of 3, not part 2 of 3; choose another output, or add --force to "
        "begin anew",
        make=bad.all_of(bad.faces, bad.part("1.h5", 1)),
    ),
]
UPDATE = "prepare photos -o faces.h5 --update --workers 1 -q"
GROWING = [
    Case(
        "grow-options",
        "an update with another size than the face set was prepared with",
        f"{UPDATE} --size 96",
        "facegen: faces.h5 was prepared with size 16, not 96; an update takes what is recorded: "
        "leave the option out, or choose another output",
        make=bad.prepared,
    ),
    Case(
        "grow-labels",
        "an update with identities of a face set that has none",
        f"{UPDATE} --identities people.txt",
        "facegen: faces.h5 was prepared without identities; leave --identities out",
        make=bad.together(bad.prepared, bad.file("people.txt", b"good.png 1\n")),
    ),
    Case(
        "grow-old",
        "an update of a face set without digests of photos, as of format 1",
        UPDATE,
        "facegen: faces.h5 can't be changed: it has no digests of photos, as 'facegen prepare' of "
        "an older version or 'facegen generate' made it; prepare it again with --force",
        make=bad.together(bad.faces, bad.photos()),
    ),
    Case(
        "grow-changed",
        "an update with a photo whose content is another now, beside a new one",
        UPDATE,
        "facegen: skipped good.png: its content has changed; the face set keeps the old one ('--"
        "forget' and another '--update' take the new one)",
        SKIPPED,
        bad.together(
            bad.prepared,
            bad.file("photos/good.png", picture(image=bad.noise())),
            bad.file("photos/new.png", picture("GIF")),
        ),
        ("faces.h5",),
    ),
    Case(
        "grow-damaged",
        "an update of a face set with a damaged row",
        UPDATE,
        "facegen: faces.h5 is damaged: row 1 is not what its digest says",
        make=bad.together(
            bad.changed(bad.prepared, "faces.h5", bad.damage_row_1),
            bad.file("photos/new.png", picture(image=bad.noise())),
        ),
    ),
    Case(
        "grow-forget",
        "a name to forget that is not there",
        "prepare -o faces.h5 --forget nobody.png -q",
        "facegen: faces.h5 has no photo 'nobody.png'",
        make=bad.prepared,
    ),
    Case(
        "grow-forget-all",
        "all names to forget",
        "prepare -o faces.h5 --forget good.png --forget other.png -q",
        "facegen: faces.h5 has no other photos; remove the file instead",
        make=bad.prepared,
    ),
    Case(
        "grow-store",
        "an update of a store that was made from another face set",
        "encode faces.h5 -o latents.h5 --update -q",
        "facegen: latents.h5 was made from another input (), not from faces.h5; choose another "
        "output, or add --force to begin anew",
        make=bad.together(bad.faces, bad.store),
    ),
    Case(
        "grow-photos",
        "an update of a store with photos",
        "encode photos -o latents.h5 --update -q",
        "facegen: photos can't update a store, only a face set can: 'facegen prepare --update' "
        "makes it",
        make=bad.together(bad.photos(), bad.store),
    ),
]

RAY = "encode faces.h5 --ray 192.0.2.1:6379"
IN_CLUSTER = "cluster/test_cluster.py::test_"
CLUSTERS = [
    Case(
        "ray-missing",
        "`--ray` without the extra `ray`",
        RAY,
        "facegen: Ray is not installed: pip install 'facegen[ray]'",
        test=f"{IN_CLUSTER}without_ray_the_extra_is_named",
    ),
    Case(
        "ray-no-address",
        "an address that is none",
        "encode faces.h5 --ray host",
        "facegen: --ray takes HOST:PORT of a cluster's head node, as 'ray start --head' tells it, "
        "or local; not 'host'",
        test=f"{IN_CLUSTER}what_is_no_address_is_refused",
    ),
    Case(
        "ray-unreachable",
        "an address where nothing listens, or something else than Ray; within 5 s",
        RAY,
        "facegen: no Ray cluster answers at 192.0.2.1:6379 (timed out); is its head node running "
        "there? '--ray local' needs none",
        test=f"{IN_CLUSTER}an_address_without_a_cluster_is_answered_within_five_seconds",
    ),
    Case(
        "ray-version",
        "a cluster of another Ray or Python",
        RAY,
        "facegen: the cluster at 192.0.2.1:6379 runs Ray 2.1.0 with Python 3.11.2, this machine "
        "Ray 2.60.0 with Python 3.11.7; both must be the same",
        test=f"{IN_CLUSTER}a_cluster_that_can_t_be_used_is_one_line",
    ),
    Case(
        "ray-no-node",
        "a machine that is no node of the cluster",
        RAY,
        "facegen: this machine is no node of the cluster at 192.0.2.1:6379; 'ray start --num-cpus "
        "0 --address 192.0.2.1:6379' makes it one that computes nothing",
        test=f"{IN_CLUSTER}a_cluster_that_can_t_be_used_is_one_line",
    ),
    Case(
        "ray-threads",
        "more threads for a worker than any machine has processors",
        f"{RAY} --threads 3",
        "facegen: no machine of the cluster at 192.0.2.1:6379 has 3 processors for a worker; the "
        "largest has 2",
        test=f"{IN_CLUSTER}a_worker_must_fit_on_a_machine",
    ),
    Case(
        "ray-lost",
        "a head node that ends meanwhile; what is done stays, and the same command goes on",
        RAY,
        "facegen: the Ray cluster at 192.0.2.1:6379 is lost: its head node or this machine's ended",
        test="cluster/test_ray.py::test_a_cluster_that_ends_is_one_line_and_the_rows_stay",
    ),
    Case(
        "ray-sheet",
        "a sheet from a cluster",
        "generate --n 3 --ray local -o sheet.png",
        "Error: --ray makes face sets; give -o a name that ends in .h5.",
        USAGE,
    ),
]

OF_TABLES, OF_INFO = "api/test_export_tables.py::test_", "recipes/test_export_info.py::test_"
EXPORTS = [
    Case(
        "export-no-kind",
        "a store without a format to export it to",
        "export latents.h5",
        "Error: Choose one of --npy, --csv, --parquet, --sqlite, --projector and --onnx.",
        USAGE,
    ),
    Case(
        "export-no-store",
        "a table without a store",
        "export --sqlite",
        "Error: --sqlite needs a store, such as latents.h5.",
        USAGE,
    ),
    Case(
        "export-faces-of-csv",
        "faces for anything but the projector",
        "export latents.h5 --csv --faces faces.h5",
        "Error: --faces goes with --projector.",
        USAGE,
    ),
    Case(
        "export-other-faces",
        "faces that the store was not made from",
        "export latents.h5 --projector --faces faces.h5",
        "facegen: latents.h5 was not made from faces.h5: their fingerprints differ",
        make=bad.all_of(bad.faces, bad.store),
    ),
    Case(
        "export-too-many-faces",
        "a store of more than 1,048,576 rows, shown as faces",
        "export latents.h5 --projector --faces faces.h5",
        "facegen: a sprite sheet has room for 1048576 faces, not for 1048577",
        test=f"{OF_TABLES}a_sprite_sheet_is_never_larger_than_the_projector_takes",
    ),
    Case(
        "export-odd-labels",
        "labels named as other columns, or alike but for the case: they get `_`",
        "export latents.h5 --sqlite",
        "",
        DONE,
        test=f"{OF_TABLES}labels_of_any_name_are_columns_of_sqlite",
    ),
    Case(
        "export-odd-names",
        "names with tabs, line breaks and SQL: what they are",
        "export latents.h5 --sqlite",
        "",
        DONE,
        test=f"{OF_TABLES}sqlite_has_blobs_of_float32_and_null_where_there_is_no_radius",
    ),
    Case(
        "export-full-disk",
        "a full disk under SQLite: nothing is left",
        "export latents.h5 --sqlite",
        "facegen: cannot write latents.db: database or disk is full",
        test=f"{OF_TABLES}a_full_disk_is_one_line_and_leaves_nothing",
    ),
    Case(
        "export-no-pyarrow",
        "Parquet without pyarrow",
        "export latents.h5 --parquet",
        "facegen: Parquet needs pyarrow: pip install 'facegen[parquet]'",
        test=f"{OF_TABLES}without_its_library_an_export_says_what_to_install",
    ),
    Case(
        "export-no-onnx",
        "ONNX without onnx",
        "export weights --onnx",
        "facegen: ONNX is not installed: pip install 'facegen[onnx]'",
        test=f"{OF_TABLES}without_its_library_an_export_says_what_to_install",
    ),
    Case(
        "export-other-network",
        "arrays that don't fit the options in config.json",
        "export weights --onnx",
        "facegen: weights/encoder.h5 belongs to another network: its arrays don't fit",
        test="model/test_onnx_graphs.py::test_arrays_of_another_network_are_refused",
    ),
    Case(
        "export-other-sqlite",
        "SQLite of another program",
        "info other.db",
        "facegen: other.db: SQLite, but damaged or none of facegen's: no such table: provenance",
        make=bad.sqlite("other.db", "create table t (a)"),
    ),
    Case(
        "export-stranger",
        "SQLite in which a view never ends: refused at once",
        "info other.db",
        "facegen: other.db: SQLite, but damaged or none of facegen's: interrupted",
        test=f"{OF_INFO}a_database_of_a_stranger_is_refused_at_once",
    ),
    Case(
        "export-damaged",
        "an export that was cut short or changed",
        "info points.parquet",
        "facegen: points.parquet: damaged: ...",
        test=f"{OF_INFO}a_damaged_export_is_one_clear_line",
    ),
]

EXPLORER_PAGE = [
    Case(
        "explore-faces-alone",
        "the photos of a map without its store",
        "explore --faces faces.h5",
        "Error: --faces and --map go with --latents.",
        USAGE,
    ),
    Case(
        "explore-port",
        "a port that another program listens at",
        "explore --port 8000",
        "facegen: can't listen at 127.0.0.1:8000: Address already in use; choose another --port, "
        "or none for a free one",
        test="api/test_explore.py::test_a_port_that_is_taken_is_told_so",
    ),
    Case(
        "explore-host",
        "an address that is another machine's",
        "explore --no-browser --host 192.0.2.1",
        "facegen: can't listen at 192.0.2.1:0: Cannot assign requested address; choose another "
        "--host",
        test="api/test_explore.py::test_another_machine_s_address_is_told_so",
    ),
    Case(
        "explore-map",
        "another file than a map",
        "explore --latents latents.h5 --map notes.csv",
        "facegen: notes.csv is no map of 'facegen analyze tsne --csv'",
        test="api/test_explore.py::test_a_file_that_is_no_map_is_refused",
    ),
    Case(
        "explore-other-faces",
        "another face set than the store's",
        "explore --latents latents.h5 --faces other.h5",
        "facegen: other.h5 is not the face set that latents.h5 was made of",
        test="api/test_explore.py::test_another_face_set_than_the_store_s_is_refused",
    ),
]

TABLES = {
    "Pictures": PICTURES,
    "Pictures to sharpen": SHARPENING,
    "Photos in folders": FOUND,
    "Names": NAMES,
    "Archives": ARCHIVES,
    "HDF5 files": HDF5,
    "Weights": WEIGHTS,
    "Options": OPTIONS,
    "Outputs": OUTPUTS,
    "Provenance of strangers": STRANGERS,
    "Standard input, output and error": STREAMS,
    "Numbers": NUMBERS,
    "Parts": PARTS,
    "Files that grow": GROWING,
    "A Ray cluster": CLUSTERS,
    "Exports": EXPORTS,
    "The explorer": EXPLORER_PAGE,
}
CASES = [case for cases in TABLES.values() for case in cases]
