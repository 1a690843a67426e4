"""sharpen: no picture ends the work on others, and what a picture says of itself is kept."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

import bad_files as bad
from facegen.api.output_names import fill_name
from facegen.api.sharpen import sharpen
from facegen.errors import InputError, OutputError
from facegen.images import sheets
from facegen.images.sharpening import Sharpening
from facegen.images.sheets import make_sheet, make_stack_sheet, open_picture, save_png, stack_grid
from facegen.io.picture_headers import is_deep
from running import facegen
from toys import draw_photo

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- who: me --></x:xmpmeta>'
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FACTOR_3 = [{"sharpness": 3.0}]


def exif_data() -> bytes:
    """EXIF data with a description, a turn, a time of exposure and a maker's note."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "mine", 6
    exif.get_ifd(0x8769).update({0x829A: 0.25, 0x927C: b"a camera's own"})
    return exif.tobytes()


def described(kind: str) -> bytes:
    """A picture with EXIF, XMP and a colour profile."""
    options: dict[str, Any] = {"exif": exif_data(), "icc_profile": PROFILE, "xmp": XMP}
    if kind == "TIFF":
        exif = Image.Exif()
        exif.load(exif_data())
        exif[700] = XMP
        options["exif"] = exif
    if kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
    return bad.picture(kind, **options)


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def quantization(image: Image.Image) -> Any:
    """A JPEG's tables, which its quality decides."""
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    return image.quantization


def segments(path: Path) -> list[bytes]:
    """A JPEG's segments of metadata."""
    image = opened(path)
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    return [data for _, data in image.applist]


def provenance_of(path: Path) -> dict:
    """What `facegen info` says."""
    done = facegen("info", path, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["provenance"]


def photos_in(folder: Path, **files: bytes) -> Path:
    """A folder with a good picture and others; in their names _ stands for a dot."""
    folder.mkdir()
    for name, data in {"good_png": bad.picture(), **files}.items():
        (folder / name.replace("_", ".")).write_bytes(data)
    return folder


def test_two_pictures_of_one_name_are_refused_before_the_work(tmp_path: Path):
    one, other = photos_in(tmp_path / "one"), photos_in(tmp_path / "other")
    done = facegen("sharpen", one, other, "-o", tmp_path / "out")
    assert done.exit_code == 1
    out = tmp_path / "out"
    assert str(done.exception) == (
        f"good.png and good.png would both become {out}/good.png; sharpen them into two folders"
    )
    assert not out.exists()


def test_an_output_that_exists_is_found_before_the_work(tmp_path: Path):
    folder, out = photos_in(tmp_path / "photos", a_png=bad.picture()), tmp_path / "out"
    out.mkdir()
    (out / "good.png").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"good\.png exists already"):
        sharpen([folder], out, Sharpening(3.0))
    assert [path.name for path in out.iterdir()] == ["good.png"]
    assert (out / "good.png").read_bytes() == b"precious"


def test_a_folder_without_pictures_is_a_clear_line(tmp_path: Path):
    done = facegen("sharpen", tmp_path, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert str(done.exception) == f"no pictures found in {tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_sharpened_nothing_has_failed(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"text")
    done = facegen("sharpen", tmp_path, "-o", tmp_path / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "facegen: skipped a.png: not an image that facegen reads\n"
    assert str(done.exception) == "no picture could be sharpened: 1 skipped"


def test_a_picture_keeps_its_format_whatever_its_name_says(tmp_path: Path):
    transparent = draw_photo(40, 30)
    transparent.putalpha(Image.linear_gradient("L").resize((40, 30)))
    inks = draw_photo(40, 30).convert("CMYK")
    folder = photos_in(
        tmp_path / "photos",
        lying_jpg=bad.picture("PNG", transparent),
        inks_png=bad.picture("TIFF", inks),
        photo_gif=bad.picture("JPEG"),
    )
    done = facegen("sharpen", folder, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = {path.name: opened(path) for path in (tmp_path / "out").iterdir()}
    kinds = {name: (image.format, image.mode) for name, image in found.items()}
    assert kinds == {
        "good.png": ("PNG", "RGB"),
        "lying.jpg": ("PNG", "RGBA"),
        "inks.png": ("TIFF", "CMYK"),
        "photo.gif": ("JPEG", "RGB"),
    }
    np.testing.assert_array_equal(found["lying.jpg"].getchannel("A"), transparent.getchannel("A"))


def test_pictures_of_every_kind_are_sharpened_or_skipped_with_a_reason(photos_folder, tmp_path):
    skipped: list[str] = []
    out = tmp_path / "out"
    count = sharpen(
        [photos_folder], out, Sharpening(3.0), on_skip=lambda name, reason: skipped.append(name)
    )
    assert skipped == ["sixteen-bit.png"]
    assert count == len(list(out.iterdir())) == len(list(photos_folder.iterdir())) - 1
    for path in out.iterdir():
        before, after = opened(photos_folder / path.name), opened(path)
        assert (before.format, before.size) == (after.format, after.size)
        assert before.has_transparency_data == after.has_transparency_data


def test_inks_become_colours_where_the_format_has_none(tmp_path: Path):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[..., 0], inks[..., 3] = 200, 100  # cyan and black
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif")
    sharpen([tmp_path / "a.tif"], tmp_path / "b.png", Sharpening(3.0))
    found = np.asarray(opened(tmp_path / "b.png"))
    expected = np.array([(255 - 200), 255, 255]) * (255 - 100) / 255
    assert np.abs(found - expected).max() <= 1.5


def test_transparency_is_not_lost_to_jpeg(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(bad.picture("PNG", draw_photo(9, 9).convert("RGBA")))
    done = facegen("sharpen", tmp_path / "a.png", "-o", tmp_path / "b.jpg")
    assert done.exit_code == 1
    assert "it has transparency, which JPEG has not; choose .png" in done.stderr
    assert not (tmp_path / "b.jpg").exists()


def test_a_phones_photo_is_its_first_picture(tmp_path: Path):
    photo = draw_photo(40, 30)
    photo.save(
        tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo.resize((8, 8))]
    )
    assert opened(tmp_path / "a.jpg").format == "MPO"
    out = tmp_path / "out"
    assert facegen("sharpen", tmp_path / "a.jpg", "-o", out / "a.jpg").exit_code == 1
    out.mkdir()
    assert facegen("sharpen", tmp_path / "a.jpg", "-o", out).exit_code == 0
    found = opened(out / "a.jpg")
    assert (found.format, found.size, getattr(found, "n_frames", 1)) == ("JPEG", (40, 30), 1)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".jpe", ".jfif"])
def test_a_jpeg_is_saved_at_one_quality_whatever_its_suffix(suffix, tmp_path: Path):
    (tmp_path / "a.png").write_bytes(bad.picture())
    output = tmp_path / f"b{suffix}"
    sharpen([tmp_path / "a.png"], output, Sharpening(3.0))
    expected = Image.open(io.BytesIO(bad.picture("JPEG", quality=95)))
    assert quantization(opened(output)) == quantization(expected)


@pytest.mark.parametrize("target", ["jpg", "png", "webp", "avif", "tif"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_exif_xmp_and_profile_are_kept(kind, target, tmp_path: Path):
    source = tmp_path / "a.picture"
    source.write_bytes(described(kind))
    output = tmp_path / f"b.{target}"
    sharpen([source], output, Sharpening(3.0))
    found = opened(output)
    exif = found.getexif()
    assert exif[0x010E] == "mine"
    assert exif.get_ifd(0x8769)[0x829A] == 0.25
    assert exif.get_ifd(0x8769)[0x927C] == b"a camera's own"
    xmp = found.info["xmp"]
    assert (xmp.encode() if isinstance(xmp, str) else xmp) == XMP
    assert found.info["icc_profile"] == PROFILE
    assert provenance_of(output)["sharpened"] == FACTOR_3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turn_in_exif_is_kept(kind, tmp_path: Path):
    (tmp_path / "a.picture").write_bytes(described(kind))
    sharpen([tmp_path / "a.picture"], tmp_path / "b.jpg", Sharpening(3.0))
    found = opened(tmp_path / "b.jpg")
    kept = ((40, 30), 6) if kind != "TIFF" else ((30, 40), None)  # which Pillow turns itself
    assert (found.size, found.getexif().get(0x0112)) == kept


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_long_exif_data_are_kept_byte_for_byte(suffix, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(bad.long_exif())
    before = opened(tmp_path / "a.jpg").info["exif"]
    assert len(before) > 100_000
    output = tmp_path / f"b.{suffix}"
    sharpen([tmp_path / "a.jpg"], output, Sharpening(3.0))
    assert opened(output).info["exif"] == before


def test_xmp_too_long_for_a_jpeg_is_a_reason_to_skip(tmp_path: Path):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * 70_000)
    (tmp_path / "a.png").write_bytes(bad.picture("PNG", pnginfo=text))
    done = facegen("sharpen", tmp_path / "a.png", "-o", tmp_path / "b.jpg")
    assert done.exit_code == 1
    assert "JPEG can't hold it (XMP data is too long); choose .png" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def test_a_jpegs_comment_iptc_and_extended_xmp_are_kept(tmp_path: Path):
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0"
    extended = b"http://ns.adobe.com/xmp/extension/\0more"
    extra = segment(0xED, iptc) + segment(0xE1, extended)
    (tmp_path / "a.jpg").write_bytes(bad.picture("JPEG", extra=extra, comment=b"holiday"))
    sharpen([tmp_path / "a.jpg"], tmp_path / "b.jpg", Sharpening(3.0))
    sharpen([tmp_path / "b.jpg"], tmp_path / "c.jpg", Sharpening(3.0))
    found = segments(tmp_path / "c.jpg")
    assert [found.count(data) for data in (iptc, extended, b"holiday")] == [1, 1, 1]
    assert provenance_of(tmp_path / "c.jpg")["sharpened"] == 2 * FACTOR_3


def test_a_jpegs_provenance_may_be_longer_than_a_segment(tmp_path: Path):
    names = [f"{number:0100}.jpg" for number in range(2000)]
    sheet, grid = make_sheet(np.full((2, 9, 9, 3), 99, np.uint8))
    save_png(sheet, tmp_path / "a.png", {"command": "reconstruct", "names": names}, grid=grid)
    sharpen([tmp_path / "a.png"], tmp_path / "b.jpg", Sharpening(3.0))
    found = provenance_of(tmp_path / "b.jpg")
    assert (found["names"], found["grid"]["count"]) == (names, 2)
    assert len(segments(tmp_path / "b.jpg")) == 6  # JFIF, 206 KB in four comments, and XMP


def write_16_bit_tiff(path: Path) -> None:
    """An RGB TIFF of 2x2 pixels and 16 bits a channel; Pillow reads such, but writes none."""
    tags = {256: 2, 257: 2, 259: 1, 262: 2, 277: 3, 278: 2}
    end = 8 + 2 + 12 * 9 + 4
    entries = [(tag, 3, 1, value) for tag, value in tags.items()]
    entries += [(258, 3, 3, end), (273, 4, 1, end + 6), (279, 4, 1, 24)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    head = b"II*\0" + struct.pack("<IH", 8, 9) + body + bytes(4)
    path.write_bytes(head + struct.pack("<3H", 16, 16, 16) + bytes(24))


def test_16_bit_colour_is_skipped_not_made_8_bit(tmp_path: Path):
    folder = photos_in(
        tmp_path / "photos",
        a_png=bad.png_of_zeros(9, 9, bits=16, colour=2),
        b_ppm=b"P6\n# from a scanner\n2 2\n65535\n" + bytes(24),
        c_jp2=bad.picture("JPEG2000", Image.fromarray(np.zeros((9, 9), np.uint16))),
    )
    write_16_bit_tiff(folder / "d.tif")
    for name in ("a.png", "d.tif"):
        assert opened(folder / name).mode == "RGB"  # as if there were 8
    done = facegen("sharpen", folder, "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        *(
            f"facegen: skipped {name}: it has more than 8 bits a channel; convert it to 8 first"
            for name in ("a.png", "b.ppm", "c.jp2", "d.tif")
        ),
        "facegen: 4 skipped",
    ]


@pytest.mark.parametrize(
    ("kind", "sign", "offset", "value"),
    [
        ("JPEG2000", b"\xff\x4f\xff\x51", 42, 15),  # SIZ: Ssiz, ISO 15444-1 A.5.1
        ("AVIF", b"av1C", 6, 0x4C),  # high_bitdepth, AV1 in ISOBMFF 2.3.3
    ],
)
def test_more_than_8_bits_are_seen_in_the_header(kind, sign, offset, value):
    data = bytearray(bad.picture(kind))
    image = Image.open(io.BytesIO(bytes(data)))
    assert not is_deep(image, bytes(data))
    data[data.index(sign) + offset] = value
    assert is_deep(image, bytes(data))


def test_pages_are_told_from_frames(tmp_path: Path):
    pages = bad.picture("TIFF", save_all=True, append_images=[draw_photo(40, 30)])
    folder = photos_in(tmp_path / "photos", a_tif=pages)
    done = facegen("sharpen", folder, "-o", tmp_path / "out")
    assert done.exit_code == 3
    reason = "it has 2 pages; only single pictures can be sharpened"
    assert done.stderr == f"facegen: skipped a.tif: {reason}\nfacegen: 1 skipped\n"


def test_the_default_limit_holds_ten_thousand_reconstructions():
    width, height = stack_grid(10_000, 2, 7, 96, 96).sheet_size
    assert 100_000_000 < width * height == 704 * 285_804 <= sheets.MAX_SHEET_PIXELS


def test_a_sheet_is_read_again_where_a_photo_of_its_size_is_refused(tmp_path, monkeypatch):
    faces = np.random.default_rng(4).integers(0, 256, (6, 9, 9, 3), np.uint8)
    sheet, grid = make_sheet(faces, columns=3)
    save_png(sheet, tmp_path / "sheet.png", {"command": "generate"}, grid=grid)
    sheet.save(tmp_path / "photo.png")
    monkeypatch.setattr(sheets, "MAX_PIXELS", sheet.width * sheet.height - 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow's own guard asks nobody here
    assert facegen("info", tmp_path / "sheet.png").exit_code == 0
    done = facegen("sharpen", tmp_path / "sheet.png", "-o", tmp_path / "sharp.png")
    assert done.exit_code == 0, done.stderr
    again = open_picture((tmp_path / "sharp.png").read_bytes())
    left, upper = list(grid.corners())[4]
    tile = np.asarray(again)[upper : upper + 9, left : left + 9]
    np.testing.assert_array_equal(tile, Sharpening(3.0).apply(Image.fromarray(faces[4])))
    with pytest.raises(InputError, match="is more than"):
        open_picture((tmp_path / "photo.png").read_bytes())


def test_no_sheet_is_made_that_could_not_be_read(monkeypatch):
    faces = np.zeros((4, 9, 9, 3), np.uint8)
    monkeypatch.setattr(sheets, "MAX_SHEET_PIXELS", 30 * 30)
    make_sheet(faces, columns=2)
    monkeypatch.setattr(sheets, "MAX_SHEET_PIXELS", 30 * 30 - 1)
    with pytest.raises(InputError, match=r"30x30 pixels, more than the 899 .*fewer faces"):
        make_sheet(faces, columns=2)
    with pytest.raises(InputError, match=r"30x56 pixels"):
        make_stack_sheet([faces, faces], columns=2)


def test_reconstruct_says_before_the_work_that_the_sheet_would_be_too_large(work, monkeypatch):
    monkeypatch.setattr(sheets, "MAX_SHEET_PIXELS", 1000)
    monkeypatch.setattr(
        "facegen.api.reconstruct.reconstruct_layers", lambda *_, **__: pytest.fail("work")
    )
    done = facegen("reconstruct", "faces.h5", "--n", 2, "--seed", 1, "-o", "large.png")
    assert done.exit_code == 1
    assert str(done.exception) == (
        "the sheet would have 76x76 pixels, more than the 1000 that facegen reads; choose fewer "
        "faces"
    )
    assert not Path("large.png").exists()


def test_braces_in_the_name_of_a_folder_are_no_fields(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("{wip}", "{seed}", "a{0}b/{n}"):
        Path(folder).mkdir(parents=True)
        assert fill_name(Path(folder) / "s{seed}.png", seed=5) == Path(folder) / "s5.png"
        assert fill_name(Path(folder), seed=5) == Path(folder)  # as for --individual
    assert fill_name(Path("new{wip}/{seed}/{n}.png"), seed=5, n=2) == Path("new{wip}/5/2.png")
    with pytest.raises(InputError, match=r"there is no field \{wip\}"):
        fill_name(Path("{seed}/{wip}.png"), seed=5)


def test_generate_writes_into_a_folder_with_braces(work: Path, tmp_path: Path):
    (tmp_path / "{wip}").mkdir()
    done = facegen("generate", "--n", 1, "--seed", 5, "-o", tmp_path / "{wip}" / "s{seed}.png")
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in (tmp_path / "{wip}").iterdir()] == ["s5.png"]


def test_sharpen_writes_into_a_folder_with_braces(tmp_path: Path):
    folder = photos_in(tmp_path / "{seed} {0} {")
    done = facegen("sharpen", folder, "-o", tmp_path / "{n}" / "{}")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "{n}" / "{}" / "good.png").is_file()


def test_sharpening_a_sheet_equals_generating_it_sharpened(
    toy_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    common = ["generate", "--weights", toy_weights, "-q", "--seed", 3]
    facegen(*common, "-o", "plain.png")
    facegen(*common, "--sharpen", 6, "-o", "expected.png")
    done = facegen("sharpen", "plain.png", "--sharpen", 6, "-o", "found.png")
    assert (done.exit_code, done.stdout) == (0, "found.png\n")
    expected, found = (np.asarray(Image.open(tmp_path / n)) for n in ("expected.png", "found.png"))
    np.testing.assert_array_equal(found, expected)
    provenance = provenance_of(tmp_path / "found.png")
    assert provenance["sharpened"] == [{"sharpness": 6.0}]
    assert provenance["seed"] == 3
