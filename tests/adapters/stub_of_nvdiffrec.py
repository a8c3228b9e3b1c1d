"""A stub in the place of nvdiffrec's `train.py`: it reads what that reads, optimises nothing, prints lines of the same
form, and writes the base mesh, or a square, as its result. `stub` of its configuration says what goes wrong."""

import json
import signal
import struct
import sys
import time
import zlib
from pathlib import Path

job = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
photos = Path(job["ref_mesh"])
for share in ("train", "test"):
    frames = json.loads((photos / f"transforms_{share}.json").read_text())["frames"]
    assert frames and all((photos / f"{frame['file_path']}.png").is_file() for frame in frames)
wrong = Path(__file__).with_name("wrong").read_text() if Path(__file__).with_name("wrong").exists() else ""
if wrong == "slow":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
for step in range(0, job["iter"], 10):
    loss = float("nan") if wrong == "nan" and step else 1 / (1 + step)
    print(f"iter={step:5d}, img_loss={loss:.6f}, reg_loss=0.100000, lr=0.01000, time=1.0 ms, rem=0.00 s")
    if wrong == "slow":
        time.sleep(0.2)
if wrong not in ("", "slow", "nan", "empty"):
    print(wrong)
    sys.exit(1)
out = Path("out") / job["out_dir"] / "mesh"
out.mkdir(parents=True)
if base := job.get("base_mesh"):
    text = Path(base).read_text().replace("base.mtl", "mesh.mtl")
else:
    text = "mtllib mesh.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nvn 0 0 1\nf 1/1/1 2/2/1 3/3/1\n"
(out / "mesh.obj").write_text("v 0 0 0\n" if wrong == "empty" else text)
(out / "mesh.mtl").write_text("newmtl defaultMat\nbsdf pbr\nmap_Kd texture_kd.png\n")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


pixel = zlib.compress(b"\0" + bytes((200, 60, 40)))
header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
(out / "texture_kd.png").write_bytes(picture)
