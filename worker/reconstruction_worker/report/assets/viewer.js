// The interactive view: orbit, pan, zoom, flights to cameras. Draws only when something has changed.

const MODES = { texture: 0, clay: 1, wire: 2, points: 3, splats: 5, confidence: 6 };
const TAN_Y = Math.tan((15 * Math.PI) / 180);
const STEEPEST = (89 * Math.PI) / 180;
const FLIGHT_MS = 700;
const TURN_SECONDS = 24; // for once around

class Viewer {
  /** `images` are the decoded texture (or null) and the sheet of thumbnails. Throws where WebGL 2 is missing. */
  constructor(canvas, data, images) {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("WebGL 2 is not available");
    this.canvas = canvas;
    this.gl = gl;
    const { low, high } = data.mesh;
    this.centre = blend(low, high, 0.5);
    this.radius = norm(subtract(high, low)) / 2;
    this.surface = new Surface(gl, data.mesh, images.texture);
    this.sparse = data.sparse ? new Surface(gl, data.sparse, null) : null;
    this.splats = null;
    this.cameras = new Cameras(gl, data.cameras, data.sheet, images.sheet, 0.16 * this.radius);
    this.mode = this.surface.solid ? MODES.texture : MODES.points;
    this.showCameras = false;
    this.showPhotos = false; // on the cameras
    this.turning = false;
    this.photoOpacity = 1;
    this.at = null; // index of the camera that the view has flown to
    this.onArrive = () => {};
    this.onDraw = () => {}; // after each picture
    this.onClick = () => false; // whether it was about something else than choosing a camera
    this.home = this.homeOrbit();
    this.orbit = { ...this.home };
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      const start = { ...this.home, yaw: this.home.yaw - 0.35 };
      this.fly(orbitPose(start, TAN_Y), orbitPose(this.home, TAN_Y), 1400);
    }
  }

  /** Where most photos were taken from, but from 10 to 35 degrees above, which show a shape best. */
  homeOrbit() {
    const backs = this.cameras.list.map((camera) => camera.pose.back);
    const mean = times(backs.reduce(add, [0, 0, 0]), 1 / Math.max(backs.length, 1));
    const aside = Math.hypot(mean[0], mean[1]);
    return {
      target: this.centre,
      distance: (1.02 * this.radius) / Math.sin(Math.atan(TAN_Y)),
      yaw: aside > 0.25 ? Math.atan2(mean[0], -mean[1]) : 0,
      pitch: clamp(Math.atan2(mean[2], Math.max(aside, 0.25)), 0.175, 0.61),
    };
  }

  pose() {
    if (this.flight) return this.flight.now;
    if (this.at !== null) return this.cameraPose(this.at);
    const narrow = this.canvas.width < this.canvas.height ? this.canvas.height / this.canvas.width : 1;
    return orbitPose(this.orbit, TAN_Y * narrow);
  }

  /** A camera's own pose, with a field of view in which all of its photo fits. */
  cameraPose(index) {
    const { pose, tanX, tanY } = this.cameras.list[index];
    const aspect = this.canvas.width / this.canvas.height;
    return { ...pose, tanY: 1.12 * Math.max(tanY, tanX / aspect) };
  }

  goTo(index) {
    this.fly(this.pose(), this.cameraPose(index), FLIGHT_MS);
    this.at = index;
    this.onArrive(index);
  }

  reset() {
    const from = this.pose();
    this.leave();
    this.orbit = { ...this.home };
    this.fly(from, orbitPose(this.orbit, TAN_Y), FLIGHT_MS);
  }

  /** Show or hide the cameras; the first time, step back until they are in the picture. */
  toggleCameras() {
    this.showCameras = !this.showCameras;
    const farthest = Math.max(...this.cameras.list.map((camera) => norm(subtract(camera.pose.eye, this.centre))), 0);
    const distance = (0.85 * farthest) / Math.sin(Math.atan(TAN_Y));
    if (this.showCameras && this.at === null && this.orbit.distance < distance) {
      const from = this.pose();
      this.orbit.distance = distance;
      this.flight = null;
      this.fly(from, this.pose(), FLIGHT_MS);
    }
    this.redraw();
    return this.showCameras;
  }

  /** Let it turn, or stop it. */
  toggleTurning() {
    this.turning = !this.turning;
    this.turnedAt = null;
    if (this.turning) this.leave();
    this.redraw();
    return this.turning;
  }

  fly(from, to, milliseconds) {
    this.flight = { from, to, start: performance.now(), milliseconds, now: from };
    this.redraw();
  }

  /** Back to free movement, from wherever the view is. */
  leave() {
    if (this.at !== null) {
      const pose = this.pose();
      this.orbit = poseOrbit(pose, this.centre);
      this.orbit.distance *= pose.tanY / TAN_Y; // another field of view, the same size on the screen
      this.at = null;
      this.onArrive(null);
    }
    this.flight = null;
  }

  redraw() {
    this.pending ??= requestAnimationFrame((now) => { this.pending = null; this.draw(now); });
  }

  resize() {
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * scale));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * scale));
    this.redraw();
  }

  draw(now) {
    const { gl, canvas, flight } = this;
    if (flight) {
      const t = clamp((now - flight.start) / flight.milliseconds, 0, 1);
      flight.now = blendPoses(flight.from, flight.to, t * t * (3 - 2 * t));
      if (t === 1) this.flight = null;
      this.redraw();
    }
    if (this.turning && !flight) {
      if (this.turnedAt) this.orbit.yaw += ((now - this.turnedAt) / 1000) * ((2 * Math.PI) / TURN_SECONDS);
      this.turnedAt = now;
      this.redraw();
    }
    const pose = this.pose();
    const reach = norm(subtract(pose.eye, this.centre));
    this.clip = clipMatrix(pose, canvas.width / canvas.height, 0.01 * this.radius, reach + 8 * this.radius);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    const shown = this.mode === MODES.points && this.sparse ? this.sparse : this.surface;
    const spacing = this.radius / Math.sqrt(Math.max(shown.mesh.vertexCount, 1));
    const size = shown.solid ? 1.6 : 0.4; // of a surface the points shall cover it, others shall not hide each other
    const pixels = (size * spacing * canvas.height) / (2 * pose.tanY);
    if (this.mode === MODES.splats) {
      gl.colorMask(false, false, false, false); // the mesh hides the cameras behind it
      this.surface.draw(this.clip, pose, MODES.texture, pixels, [0, 0, 0]);
      gl.colorMask(true, true, true, true);
      if (!this.splats.draw(pose, canvas.width, canvas.height)) this.redraw();
    } else shown.draw(this.clip, pose, this.mode, pixels, [0.13, 0.36, 0.72]);
    const colours = { used: [0.14, 0.34, 0.84, 1], heldOut: [0.9, 0.55, 0.1, 1] };
    if (this.at !== null) this.cameras.draw(this.clip, colours, this.photoOpacity, this.at);
    else if (this.showCameras) this.cameras.draw(this.clip, colours, this.showPhotos ? 0.92 : 0, null);
    document.documentElement.dataset.firstPicture ??= String(Math.round(performance.now()));
    this.onDraw();
  }

  /** Where a point of the world is on the canvas, in CSS pixels; null behind the camera. */
  screenPlace(point) {
    const { x, y, w } = project(this.clip, point);
    return w > 0 ? [((x + 1) / 2) * this.canvas.clientWidth, ((1 - y) / 2) * this.canvas.clientHeight] : null;
  }

  /** The point of the surface, or the nearest of the sparse points, under a place of the canvas, or null. */
  pointAt(x, y) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.surface.solid || (this.mode === MODES.points && this.sparse)) {
      return nearestPoint((this.sparse ?? this.surface).world(), (point) => this.screenPlace(point), [x, y]);
    }
    const ray = rayThrough(this.pose(), width / height, (2 * x) / width - 1, 1 - (2 * y) / height);
    return firstHit(this.surface.world(), this.surface.indices, ray);
  }

  /** Index of the camera drawn under a place of the canvas, or null. */
  pick(x, y) {
    if (!this.showCameras || this.at !== null) return null;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    let best = null, nearest = 28;
    this.cameras.list.forEach((camera, index) => {
      const p = project(this.clip, blend(camera.base[0], camera.base[2], 0.5));
      const away = Math.hypot(((p.x + 1) / 2) * width - x, ((1 - p.y) / 2) * height - y);
      if (p.w > 0 && away < nearest) { nearest = away; best = index; }
    });
    return best;
  }

  turn(dx, dy) {
    this.leave();
    this.orbit.yaw -= dx;
    this.orbit.pitch = clamp(this.orbit.pitch + dy, -STEEPEST, STEEPEST);
    this.redraw();
  }

  pan(dx, dy) {
    this.leave();
    const pose = this.pose();
    const scale = (2 * this.orbit.distance * pose.tanY) / this.canvas.clientHeight;
    this.orbit.target = add(this.orbit.target, add(times(pose.right, -dx * scale), times(pose.up, dy * scale)));
    this.redraw();
  }

  zoom(factor) {
    this.leave();
    this.orbit.distance = clamp(this.orbit.distance * factor, 0.05 * this.radius, 30 * this.radius);
    this.redraw();
  }

  listen() {
    const { canvas } = this;
    const pointers = new Map();
    let moved = 0;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      const dx = now[0] - before[0], dy = now[1] - before[1];
      moved += Math.abs(dx) + Math.abs(dy);
      if (moved < 4) return;
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const gap = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        this.zoom(gap(before) / gap(now));
        this.pan(dx / 2, dy / 2);
      } else if (event.shiftKey || event.buttons & 6) this.pan(dx, dy);
      else this.turn((dx * 5) / canvas.clientHeight, (dy * 5) / canvas.clientHeight);
      pointers.set(event.pointerId, now);
    });
    const up = (event) => {
      if (pointers.delete(event.pointerId) && moved < 4 && event.type === "pointerup") {
        const box = canvas.getBoundingClientRect();
        const x = event.clientX - box.left, y = event.clientY - box.top;
        const camera = this.onClick(x, y) ? null : this.pick(x, y);
        if (camera !== null) this.goTo(camera);
      }
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(clamp(event.deltaY, -120, 120) * 0.0016));
    }, { passive: false });
    const keys = {
      ArrowLeft: () => this.turn(-0.12, 0), ArrowRight: () => this.turn(0.12, 0),
      ArrowUp: () => this.turn(0, 0.12), ArrowDown: () => this.turn(0, -0.12),
      "+": () => this.zoom(0.88), "-": () => this.zoom(1.14), 0: () => this.reset(),
    };
    canvas.addEventListener("keydown", (event) => {
      if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
    });
  }
}
