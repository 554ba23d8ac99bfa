"""Golden values for images: /usr/bin/python3 images.golden.py > images.golden.json (Pillow 9.4, NumPy 1.24)."""
import base64, io, json
import numpy as np
from PIL import Image, ImageOps

def pixels(shape):
    """The same numbers in TypeScript: a linear congruential generator, its upper byte."""
    out, x = np.zeros(int(np.prod(shape)), "u1"), 12345
    for i in range(out.size):
        x = (1103515245 * x + 12345) % 2**31
        out[i] = x >> 23
    return out.reshape(shape)

b64 = lambda b: base64.b64encode(bytes(b)).decode()
methods = dict(nearest=Image.NEAREST, box=Image.BOX, bilinear=Image.BILINEAR, hamming=Image.HAMMING, bicubic=Image.BICUBIC, lanczos=Image.LANCZOS)
resized, floats = [], []
for (h, w) in [(7, 9), (1, 5), (32, 20)]:
    for size in [(7, 9), (3, 4), (14, 18), (5, 13), (1, 1), (16, 9)]:
        for name, method in methods.items():
            rgb = Image.fromarray(pixels((h, w, 3)), "RGB").resize(size[::-1], method)
            grey = Image.fromarray(pixels((h, w)), "L").resize(size[::-1], method)
            resized.append(dict(shape=[h, w], size=size, method=name, rgb=b64(rgb.tobytes()), grey=b64(grey.tobytes())))
for size in [(3, 4), (14, 18)]:
    for name in ["bilinear", "bicubic"]:
        f = Image.fromarray(pixels((7, 9)).astype("f4") / 16 - 3, "F").resize(size[::-1], methods[name])
        floats.append(dict(size=size, method=name, values=b64(np.asarray(f).tobytes())))

files = []
def save(name, image, kind, **options):
    out = io.BytesIO(); image.save(out, kind, **options)
    again = Image.open(io.BytesIO(out.getvalue()))
    row = dict(name=name, size=[again.height, again.width], file=b64(out.getvalue()))
    for channels, mode in [(1, "L"), (3, "RGB"), (4, "RGBA")]:
        row[str(channels)] = b64(again.convert(mode).tobytes())
    files.append(row)
y, x = np.mgrid[0:21, 0:34]
smooth = np.stack([x * 7, y * 12, (x + y) * 4], 2).astype("u1")
photo = Image.fromarray(smooth, "RGB")
save("jpeg", photo, "JPEG", quality=90)
save("jpeg progressive 4:2:0", photo, "JPEG", quality=60, progressive=True, subsampling=2)
save("jpeg grey", photo.convert("L"), "JPEG", quality=80)
for mode in ["1", "L", "LA", "P", "RGB", "RGBA"]:
    image = photo.convert("RGBA"); image.putalpha(Image.fromarray(pixels((21, 34))))
    save("png " + mode, image.convert(mode) if mode != "P" else photo.convert("P", palette=Image.ADAPTIVE, colors=13), "PNG")
save("png noise", Image.fromarray(pixels((9, 5, 3)), "RGB"), "PNG")
oriented = []
for orientation in range(1, 9):
    exif, out = Image.Exif(), io.BytesIO()
    exif.endian = "<>"[orientation % 2]
    exif[0x10F], exif[0x112] = "Maker", orientation
    Image.fromarray(smooth[:11, :19].copy()).save(out, "JPEG", quality=90, exif=exif.tobytes())
    upright = ImageOps.exif_transpose(Image.open(out))
    oriented.append(dict(size=[upright.height, upright.width], file=b64(out.getvalue()), rgb=b64(upright.tobytes())))
print(json.dumps(dict(resized=resized, floats=floats, files=files, oriented=oriented)))
