"""The other side of tests/power: strikes at the calls of a real engine, and power cuts.

    power = Power()
    with Engine(power=power) as engine:
        power.arm("scheduler.0", ["sync"], DIE_BEFORE, first=3)
        until(power.struck, "it died")
        ...
        engine.kill_all()
        power.cut(engine.data, "torn", random.Random(7))
        engine.up()

With Power(trace=True) it is known what was synced, so that the power can be cut.
"""
import errno
import mmap
import os
import re
import shutil
import struct
import tempfile

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))

DIE_BEFORE, DIE_AFTER, FAIL, DROP = 0, 1, 2, 3
FOR_EVER = 2**64 - 1
PLAN = struct.Struct("=4I4Q32s")  # struct plan of tests/power/plan.h
SEEN, STRUCK, CLOCKS = 32, 40, PLAN.size  # offsets in it
CLOCK = struct.Struct("=32sq")   # struct plan_clock

# How much of what was not synced a cut leaves.
#   none     all: the processes die, the machine lives
#   drop     nothing
#   torn     every name; of each file a part, with one bit of that changed
#   reorder  of each folder the first names, of each file the first bytes
MODES = ("none", "drop", "torn", "reorder")

with open(os.path.join(SOURCE, "tests/power/points.def")) as _table:
    POINTS = re.findall(r"^POINT\((\w+),", _table.read(), re.M)


class Power:
    def __init__(self, trace=False):
        self.folder = tempfile.mkdtemp(prefix="capstan-power-")
        self.trace = trace
        with open(os.path.join(self.folder, "plan"), "w+b") as file:
            file.write(bytes(4096))
            file.flush()
            self.plan = mmap.mmap(file.fileno(), 4096)

    def close(self):
        self.plan.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, data):
        """What the processes of the engine on `data` need in their environment."""
        shim = os.path.join(BUILD, "tests/power/shim.so")
        assert os.path.exists(shim), f"{shim} is not built; without it nothing is struck"
        env = {"LD_PRELOAD": shim,
               "POWER_PLAN": os.path.join(self.folder, "plan"),
               "POWER_DATA": os.path.abspath(data)}
        if self.trace:
            env["POWER_FOLDER"] = self.folder
            self.remember(data)
        return env

    # ---- strikes ----

    def arm(self, process, points, action, first=1, last=None, error=errno.EIO):
        """Strike at the call number `first` of these points; fail, or drop what is said
        to be done, until `last`."""
        bits = sum(1 << POINTS.index(point) for point in points)
        row = PLAN.pack(0, action, bits, error, first, first if last is None else last,
                        0, 0, process.encode())
        self.plan[:4] = bytes(4)
        self.plan[:len(row)] = row
        self.plan[:4] = struct.pack("=I", 1)

    def disarm(self):
        self.plan[:4] = bytes(4)

    def struck(self):
        return struct.unpack_from("=Q", self.plan, STRUCK)[0]

    def seen(self):
        return struct.unpack_from("=Q", self.plan, SEEN)[0]

    # ---- wall time ----

    def jump(self, clocks):
        """From now on wall time of each of these processes is so many seconds from the
        machine's; that of the others is the machine's."""
        rows = b"".join(CLOCK.pack(process.encode(), int(seconds * 1_000_000))
                        for process, seconds in clocks.items())
        self.plan[CLOCKS:CLOCKS + len(rows) + CLOCK.size] = rows + bytes(CLOCK.size)

    # ---- power cuts ----

    def remember(self, data):
        """All that is there is durable, as after a boot."""
        self.disk = Disk(data)
        for name, empty in (("trace", True), ("grave", False)):
            path = os.path.join(self.folder, name)
            if empty:
                open(path, "wb").close()
            else:
                shutil.rmtree(path, ignore_errors=True)
                os.mkdir(path)

    def cut(self, data, mode, chance):
        """Leave on `data` what a power cut would; nobody runs on it any more."""
        if mode == "none":
            return
        self.disk.read(os.path.join(self.folder, "trace"))
        self.disk.cut(os.path.join(self.folder, "grave"), mode, chance)


def is_small(path):
    return os.path.getsize(path) <= 64


class Disk:
    """The names of each folder and the bytes of each file that are durable."""

    def __init__(self, data):
        self.data = os.path.abspath(data)
        self.names = {}    # folder → {name: inode; None: a folder}
        self.pending = {}  # folder → [(offset in the trace, what, name, more)]
        self.sizes = {}    # inode → durable bytes
        self.small = {}    # inode → all of them
        for folder, folders, files in os.walk(self.data):
            folders[:] = [f for f in folders if not self.passes(os.path.join(folder, f))]
            here = self.names[folder] = {f: None for f in folders}
            for name in files:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue  # to a key: the engine makes it again
                state = os.stat(path)
                here[name] = state.st_ino
                self.sizes[state.st_ino] = state.st_size
                if is_small(path):
                    with open(path, "rb") as file:
                        self.small[state.st_ino] = file.read()

    def passes(self, path):
        """Is it left as it is?  The engine begins these anew, or can lose them."""
        below = os.path.relpath(path, self.data)
        return ".view-" in below or below.split("/")[0] in (
            "run", "log", "lock", "foreground.log")

    def read(self, trace):
        at = 0
        with open(trace, "rb") as lines:
            for line in lines:
                word, rest = line.decode().rstrip("\n").split(" ", 1)
                getattr(self, "see_" + word)(at, rest)
                at += len(line)

    def change(self, at, path, what, more):
        folder, name = os.path.split(path)
        self.pending.setdefault(folder, []).append((at, what, name, more))

    def see_create(self, at, rest):
        path, inode = rest.rsplit(" ", 1)
        self.change(at, path, "create", int(inode) or None)

    def see_rename(self, at, paths):
        old, new = paths.split("\t")
        assert os.path.dirname(old) == os.path.dirname(new), paths
        self.change(at, old, "rename", os.path.basename(new))

    def see_unlink(self, at, path):
        self.change(at, path, "unlink", None)

    def see_file(self, _, rest):
        inode, size, small = (rest + " ").split(" ")[:3]
        self.sizes[int(inode)] = int(size)
        self.small.pop(int(inode), None)
        if small:
            self.small[int(inode)] = bytes.fromhex(small)

    def see_folder(self, _, rest):
        before, folder = rest.split(" ", 1)
        pending = self.pending.get(folder, [])
        kept = [change for change in pending if change[0] < int(before)]
        self.pending[folder] = pending[len(kept):]
        self.apply(folder, kept)

    def apply(self, folder, changes):
        """Make changes of names durable."""
        names = self.names.setdefault(folder, {})
        for _, what, name, more in changes:
            if what == "create":
                names[name] = more
            elif what == "rename" and name in names:
                names[more] = names.pop(name)
            elif what == "unlink":
                names.pop(name, None)

    def cut(self, grave, mode, chance):
        for folder, pending in sorted(self.pending.items()):
            if mode == "drop":
                count = 0
            elif mode == "torn":
                count = len(pending)
            else:
                count = chance.randint(0, len(pending))
            self.apply(folder, pending[:count])
        places = {os.stat(os.path.join(grave, name)).st_ino: os.path.join(grave, name)
                  for name in os.listdir(grave)}
        for folder, folders, files in os.walk(self.data):
            for name in files:
                path = os.path.join(folder, name)
                places[os.stat(path).st_ino] = path
        self.leave(places, mode, chance)

    def leave(self, places, mode, chance):
        """Make the folder anew from what is durable."""
        fresh = self.data + ".cut"
        os.mkdir(fresh, 0o700)
        for name in os.listdir(self.data):
            if self.passes(os.path.join(self.data, name)):
                os.rename(os.path.join(self.data, name), os.path.join(fresh, name))
        todo = [self.data]
        while todo:
            folder = todo.pop()
            for name, inode in sorted(self.names.get(folder, {}).items()):
                path = os.path.join(folder, name)
                there = os.path.join(fresh, os.path.relpath(path, self.data))
                if self.passes(path):
                    continue
                if inode is None:
                    os.mkdir(there, 0o700)
                    todo.append(path)
                elif inode in places:
                    with open(there, "wb") as file:
                        file.write(self.content(places[inode], inode, mode, chance))
                    shutil.copymode(places[inode], there)
        shutil.rmtree(self.data)
        os.rename(fresh, self.data)

    def content(self, path, inode, mode, chance):
        with open(path, "rb") as file:
            now = file.read()
        size = min(self.sizes.get(inode, 0), len(now))
        if inode in self.small and len(now) <= 64:
            # Written in place, and too small to be torn.
            return self.small[inode] if mode == "drop" or chance.random() < 0.5 else now
        if mode == "drop" or size == len(now):
            return now[:size]
        kept = chance.randint(size, len(now))
        if mode == "torn" and kept > size:
            bit = chance.randrange(8 * size, 8 * kept)
            changed = bytearray(now[:kept])
            changed[bit // 8] ^= 1 << bit % 8
            return bytes(changed)
        return now[:kept]
