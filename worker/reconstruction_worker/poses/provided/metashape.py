"""Agisoft Metashape's "Export Cameras" as XML: calibrated sensors, and for each camera a camera-to-chunk matrix with
axes as in OpenCV. A chunk that is referenced has a transform of its own, whose frame is geocentric or any: up is from
how the cameras were held, and GPS of the photos gives metres.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat
from ...ingest.pose_tools import Tool, kept_as
from .frames import Frame, from_frames, numbers, opengl
from .provided_poses import NEVER, Provided
from .turned import PixelFrames
from .validity import invalid
from .xml_files import xml_root

FILE: Final = "the XML of Metashape"
_COEFFICIENTS: Final = ("k1", "k2", "k3", "p1", "p2")


def read_metashape(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """Poses and intrinsics of the first chunk's aligned cameras. Raises InvalidPoses naming the camera."""
    chunk = xml_root(folder / kept_as(Tool.METASHAPE), FILE).find("chunk")
    if chunk is None:
        raise invalid(FILE, "it holds no chunk.")
    sensors = {sensor.get("id"): _sensor(sensor) for sensor in chunk.iterfind("sensors/sensor")}
    frames: list[Frame] = []
    for camera in chunk.iterfind("cameras//camera"):
        label, matrix = camera.get("label") or "", camera.findtext("transform")
        intrinsics = sensors.get(camera.get("sensor_id"))
        if not label or matrix is None or intrinsics is None:
            continue  # not aligned
        pose = numbers(matrix, 16, FILE, f"the transform of camera '{label}'").reshape(4, 4)
        frames.append({"file_path": label, "transform_matrix": opengl(pose), **intrinsics})
    if not frames:
        raise invalid(FILE, "it holds no aligned camera.")
    return from_frames(PoseFormat.METASHAPE, FILE, frames, dataset, pixel_frames, NEVER)


def _sensor(sensor: Xml.Element) -> Frame | None:
    """Intrinsics; None for a sensor that is not calibrated."""
    label, resolution = sensor.get("label"), sensor.find("resolution")
    calibration = sensor.find("calibration[@class='adjusted']")
    calibration = calibration if calibration is not None else sensor.find("calibration")
    if resolution is None or calibration is None or calibration.find("f") is None:
        return None
    if (sensor.get("type") or "frame") not in ("frame", "fisheye"):
        raise invalid(FILE, f"sensor '{label}' is of type {sensor.get('type')}; frame and fisheye cameras are read.")

    def value(name: str) -> float:
        return float(numbers(calibration.findtext(name) or "0", 1, FILE, f"'{name}' of sensor '{label}'")[0])

    width, height = (
        float(numbers([resolution.get(key)], 1, FILE, f"'{key}' of sensor '{label}'")[0]) for key in ("width", "height")
    )
    focal = value("f")
    result: Frame = {
        "w": width, "h": height, "fl_x": focal + value("b1"), "fl_y": focal,
        "cx": value("cx") + width / 2, "cy": value("cy") + height / 2,
    }  # fmt: skip
    if sensor.get("type") == "fisheye":
        return {**result, "camera_model": "OPENCV_FISHEYE", **{key: value(key) for key in ("k1", "k2", "k3", "k4")}}
    coefficients = {key: value(key) for key in _COEFFICIENTS}
    # Metashape's P1 and P2 are the other way round than those of OpenCV (its user manual, appendix D).
    coefficients["p1"], coefficients["p2"] = coefficients["p2"], coefficients["p1"]
    return {**result, **{key: each for key, each in coefficients.items() if math.isfinite(each)}}
