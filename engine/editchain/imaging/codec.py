"""Bytes to pictures and back: bounded, upright, in sRGB, the same bytes each time."""

from __future__ import annotations

import io
import os
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError, _imaging, features

from editchain.errors import ConfigurationError, ImageError
from editchain.imaging.limits import MAX_FRAMES, MAX_PIXELS, length_problem, size_problem
from editchain.imaging.lut import read_cube, write_cube
from editchain.imaging.modes import in_mode
from editchain.imaging.probe import Probe, check, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from editchain.imaging.modes import Pixels

PHOTO_BYTES = 12 * 1024 * 1024 * 4
"""What a photo takes in memory, as most cameras make them."""

JPEG_QUALITY = 92
WEBP_QUALITY = 90
AVIF_QUALITY = 80

_DECODERS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF", "tiff": "TIFF", "gif": "GIF"}
_Read = TypeVar("_Read")
_PILLOW = re.compile(r"PIL\.")
_XMP_TAG = 700
_METADATA = "_editchain_metadata"
"""An attribute, as Pillow hands `info` on to whatever is made of a picture."""
_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}


@dataclass(frozen=True)
class Attached:
    """What a file says beside its pixels: a colour profile, EXIF and XMP as they stand in a file, texts by keyword."""

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


NOTHING = Attached()


def keep_memory(photos: int) -> None:
    """Has the memory of pictures that are done with kept for the next ones, as much as so many photos take.

    The system clears it each time it hands it out, which takes a tenth as long as most edits.
    """
    blocks = photos * -(-PHOTO_BYTES // _imaging.get_block_size())
    _imaging.set_blocks_max(max(blocks, _imaging.get_blocks_max()))


def free_memory() -> None:
    """Gives back to the system what was kept: no picture comes soon."""
    _imaging.clear_cache()


def decode(data: bytes) -> Image.Image:
    """The picture in these bytes: 8 bit sRGB, mode L, RGB or RGBA, upright, the first frame.

    `metadata_of` tells its EXIF and XMP, for who carries them over by name; nothing that is written has them by itself.
    Raises ImageError for what is no image, is beyond the limits, is damaged, or makes the decoder warn.
    """
    return read_cube(data) if is_table(data) else reading(data, lambda image, _: in_srgb(*eight_bit(image)))


def is_table(data: bytes) -> bool:
    """Whether a file that may come in is a .cube file; raises ImageError as `decode` does."""
    return _found(data).format == "cube"


def reading(data: bytes, read: Callable[[Image.Image, Probe], _Read]) -> _Read:
    """What is read of a file that was opened within the limits; whatever it fails on is an ImageError."""
    found = _found(data)
    if found.format == "avif":
        _need_avif()
    _warnings_are_errors()
    try:
        with Image.open(io.BytesIO(data), formats=[_DECODERS[found.format]]) as image:
            _check(image, found)
            return read(image, found)
    except (ImageError, ConfigurationError):
        raise
    except MemoryError:
        raise ImageError(f"There is not enough memory to decode this {found.format.upper()} image.") from None
    except Exception as error:  # decoders raise whatever they like on damaged bytes
        raise ImageError(
            f"This {found.format.upper()} image is damaged or cut short: {_first_line(error)}."
        ) from error


def metadata_of(image: Image.Image) -> Attached:
    """EXIF and XMP of a picture that was just decoded; nothing of one that an edit made, or did not touch."""
    found = getattr(image, _METADATA, NOTHING)
    return found if isinstance(found, Attached) else NOTHING


def without_metadata(image: Pixels) -> Pixels:
    """The picture itself, or a copy where it knows its metadata."""
    return image.copy() if isinstance(image, Image.Image) and metadata_of(image) is not NOTHING else image


def encode(
    image: Image.Image,
    format: str,  # noqa: A002 - the word for it everywhere else
    *,
    quality: int | None = None,
    lossless: bool = False,
    compact: bool = False,
    attached: Attached = NOTHING,
) -> bytes:
    """The picture as a file: png, jpeg, webp, avif, tiff, gif or, of a look-up table, cube; without time stamps.

    `quality` is 1 to 100 and counts for jpeg, webp and avif; `compact` spends time on smaller PNGs. Only what is
    `attached` goes with it. Raises ImageError for another format, or one that this build of Pillow or this picture's
    size rules out.
    """
    if quality is not None and not 1 <= quality <= 100:
        raise ImageError(f"A quality of {quality} is not between 1 and 100.")
    if format == "cube":
        return write_cube(image)
    image, options = _prepared(image, format, quality, lossless, compact)
    return _saved(image, format, options | _options_of(attached, format))


def check_animation(count: int, size: tuple[int, int]) -> None:
    """Raises ImageError for more frames or pixels than an animation may have."""
    if count > MAX_FRAMES:
        raise ImageError(f"An animation of {count} frames is longer than {MAX_FRAMES}.")
    if count * size[0] * size[1] > MAX_PIXELS:
        raise ImageError(
            f"An animation of {count} frames of {size[0]}×{size[1]} is more than "
            f"{MAX_PIXELS // 1048576} megapixels; make it smaller or shorter."
        )


def encode_frames(
    frames: Sequence[Image.Image],
    format: str,  # noqa: A002
    *,
    milliseconds: int,
    loops: int,
    quality: int | None = None,
) -> bytes:
    """Pictures of one size as an animation: png (APNG), webp or gif. `loops` 0 goes on for ever.

    Raises ImageError for more frames or pixels than an animation may have.
    """
    check_animation(len(frames), frames[0].size)
    mode = "RGBA" if any(frame.mode == "RGBA" for frame in frames) else "RGB"
    if format == "gif":
        mode, quality = "RGB", None
        frames = [flatten(frame) for frame in frames]
    plain = [_without_info(frame.convert(mode)) for frame in frames]
    first, options = _prepared(plain[0], format, quality, False, False)
    options |= {"save_all": True, "append_images": plain[1:], "duration": milliseconds}
    if format != "gif" or loops != 1:  # a GIF that does not say is shown once
        options["loop"] = loops
    return _saved(first, format, options)


def _without_info(image: Image.Image) -> Image.Image:
    made = image.copy() if image.info else image
    made.info = {}
    return made


def _saved(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:  # noqa: A002
    # Into what the system takes for a file, Pillow's JPEG encoder writes without holding up other threads.
    try:
        if format == "jpeg" and hasattr(os, "memfd_create"):
            with open(os.memfd_create(format), "w+b") as file:
                image.save(file, format, **options)
                file.seek(0)
                return file.read()
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()  # the very bytes, where `read` would copy them
    except Exception as error:  # an encoder's limits have no common error
        width, height = image.size
        raise ImageError(
            f"{width}×{height} cannot be written as {format.upper()}: {_first_line(error)}."
        ) from error


def _options_of(attached: Attached, format: str) -> dict[str, Any]:  # noqa: A002
    """How Pillow is told what goes with a picture; a format leaves out what it has no place for."""
    options: dict[str, Any] = {}
    if attached.profile is not None and format != "gif":
        options["icc_profile"] = attached.profile
    if attached.exif is not None and format != "gif":
        options["exif"] = attached.exif
    if format == "png" and (attached.texts or attached.xmp is not None):
        options["pnginfo"] = _png_texts(attached)
    elif attached.xmp is not None and format in ("jpeg", "webp", "avif"):
        options["xmp"] = attached.xmp
    elif attached.xmp is not None and format == "tiff":
        options["tiffinfo"] = {_XMP_TAG: attached.xmp}
    return options


def _png_texts(attached: Attached) -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    for keyword, text in attached.texts.items():
        texts.add_itxt(keyword, text)
    if attached.xmp is not None:
        texts.add_itxt("XML:com.adobe.xmp", attached.xmp.decode("utf-8", "replace"))
    return texts


def has_transparency(image: Image.Image) -> bool:
    """Whether any pixel of the picture is not fully opaque."""
    return image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255)


def is_srgb(profile: bytes) -> bool:
    """Whether a colour profile says what is so without one; one that cannot be read does not."""
    try:
        core: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
    except (ImageCms.PyCMSError, OSError):
        return False
    return bool((core.profile_description or "").startswith("sRGB"))


def flatten(image: Image.Image, background: tuple[int, int, int] = (255, 255, 255)) -> Image.Image:
    """The picture without alpha, laid on a colour; one without alpha as it is."""
    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _found(data: bytes) -> Probe:
    found = probe(data)
    if found is not None and found.format == "gif":  # refused at the door, but our own steps may write it
        problem = length_problem(len(data)) or size_problem(found.width, found.height)
        if problem:
            raise ImageError(f"This GIF image is not accepted: {problem}.")
        return found
    return check(data, len(data))


def _warnings_are_errors() -> None:
    """For Pillow's own modules only; `catch_warnings` would change the filters of every other thread."""
    if not any(module == _PILLOW for _, _, _, module, _ in warnings.filters[:1]):
        warnings.filterwarnings("error", module=_PILLOW.pattern)


def _check(image: Image.Image, found: Probe) -> None:
    problem = size_problem(*image.size)
    if problem:
        raise ImageError(f"This {found.format.upper()} image is not accepted: {problem}.")
    frames = getattr(image, "n_frames", 1)
    if frames > MAX_FRAMES:
        raise ImageError(f"This {found.format.upper()} image has {frames} frames, more than {MAX_FRAMES}.")


def eight_bit(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """An opened picture upright, in one of L, RGB, RGBA, CMYK and LAB, and the profile that its numbers are of."""
    image.load()
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    kept = {name: value for name in ("exif", "xmp") if isinstance(value := upright.info.get(name), bytes)}
    plain = _with_eight_bits(upright)
    plain.info = {}
    if kept:
        setattr(plain, _METADATA, Attached(exif=kept.get("exif"), xmp=kept.get("xmp")))
    return plain, profile if isinstance(profile, bytes) and profile else None


def _with_eight_bits(image: Image.Image) -> Image.Image:
    """The same picture in one of L, RGB, RGBA, CMYK and LAB."""
    if image.mode.startswith("I"):
        wide = image.convert("I")
        low, high = wide.getextrema()
        if not (isinstance(low, int) and isinstance(high, int) and low >= 0 and high <= 65535):
            raise ImageError(f"This image has grey values from {low} to {high}; 0 to 65535 can be read.")
        return wide.point([round(value / 257) for value in range(65536)], "L")
    if image.mode == "F":
        raise ImageError("This image has floating-point pixels; save it with 8 or 16 bits a channel.")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "PA", "La", "RGBa") or image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    return image.convert("RGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture whose numbers are of a profile in sRGB, mode L, RGB or RGBA; a profile of another kind is passed over."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colour = image.convert("RGB") if alpha else image
    if is_of(profile, colour.mode):
        colour = _converted(colour, profile)
    elif colour.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        colour = _applied(colour, source)
    if colour.mode not in ("L", "RGB"):
        colour = colour.convert("RGB")
    if alpha:
        colour.putalpha(alpha)
    if metadata_of(image) is not NOTHING:
        setattr(colour, _METADATA, metadata_of(image))
    return colour


def is_of(profile: bytes | None, mode: str) -> TypeGuard[bytes]:
    """Whether a profile says how the numbers of pictures of a mode are meant, and not just that they are sRGB."""
    if profile is None:
        return False
    try:
        core: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
        space = core.xcolor_space.strip()
    except (ImageCms.PyCMSError, OSError) as error:
        raise _unreadable(error) from error
    # another round through sRGB would only shift values by one
    return bool(space == _COLOUR_SPACES[mode.removesuffix("A")]) and not (space == "RGB" and is_srgb(profile))


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    """Through the picture's own profile."""
    try:
        made = _applied(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError) as error:
        raise _unreadable(error) from error
    return made.convert("L") if image.mode == "L" else made


def _unreadable(error: BaseException) -> ImageError:
    return ImageError(
        f"This image has a colour profile that cannot be read: {_first_line(error)}. Save it with another, or with none."
    )


def _applied(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    made = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    if made is None:
        raise ImageError("This image has a colour profile that cannot be applied.")
    return made


def _prepared(
    image: Image.Image,
    format: str,  # noqa: A002
    quality: int | None,
    lossless: bool,
    compact: bool,
) -> tuple[Image.Image, dict[str, Any]]:
    """The picture in a mode that the format has, without metadata, and the options to save it with."""
    image = _without_info(image)
    if lossless and format in ("jpeg", "avif"):
        raise ImageError(f"{format.upper()} is never lossless here; png, webp and tiff can be.")
    match format:
        case "png":
            return image, {"compress_level": 6 if compact else 1}
        case "jpeg":
            chosen = quality or JPEG_QUALITY
            return flatten(image), {"quality": chosen, "subsampling": 0 if chosen >= 90 else 2}
        case "webp":
            if lossless:
                return image, {"lossless": True, "quality": 50, "method": 3, "exact": True}
            return image, {"quality": quality or WEBP_QUALITY, "method": 4}
        case "avif":
            _need_avif()
            # pixels differ between one thread and several
            return image, {"quality": quality or AVIF_QUALITY, "speed": 6, "max_threads": 1}
        case "tiff":
            return image, {"compression": "tiff_adobe_deflate"}
        case "gif":
            return _for_gif(image)
        case _:
            raise ImageError(
                f"No format {format!r} can be written; png, jpeg, webp, avif, tiff, gif and cube can."
            )


def _for_gif(image: Image.Image) -> tuple[Image.Image, dict[str, Any]]:
    """With a palette whose last colour is clear, where a picture is less than half opaque; GIF knows no halves."""
    clear = image.getchannel("A").point([255] * 128 + [0] * 128) if image.mode == "RGBA" else None
    if clear is None or clear.getbbox() is None:
        return image, {}
    colours = in_mode(image, "RGB").copy()
    colours.paste((0, 0, 0), mask=clear)
    made = colours.quantize(255)
    made.paste(255, mask=clear)
    return made, {"transparency": 255}


def _need_avif() -> None:
    if "avif" not in features.modules or not features.check("avif"):
        raise ImageError("This build of Pillow has no AVIF; install Pillow 11.3 or newer from PyPI.")


def _first_line(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "what its beginning says makes no sense"  # its own words are of an object in memory
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
