"""The TypeScript types: they compile, refuse what is wrong, and are always the same."""

from pathlib import Path

import pytest

from tests.contracts.written import LAB, SITE, compile_strictly, write_types
from tests.helpers.services import ROOT

CLIENT = (ROOT / "tests" / "contracts" / "client.ts").read_text(encoding="utf-8")

LAB_CLIENT = """
import type { Socket } from "socket.io-client";
import type { NamespaceAt, Namespaces, Refused, Table } from "./events.js";

declare const socket: Socket<Table.ServerToClientEvents, Table.ClientToServerEvents>;
declare const late: NamespaceAt<"/late/x">;
declare const numbered: NamespaceAt<"/tables/7/x">;
const same: Namespaces["/late/{name}"] = late;
const too: Namespaces["/tables/{number}/{name}"] = numbered;
// @ts-expect-error: the number is one
const none: NamespaceAt<"/tables/x/y">["ClientToServerEvents"] = same.ClientToServerEvents;

socket.on("moved", ({ piece, passedSquares }) => {
  const name: "king" | "rook" = piece.name;
  const x: number | undefined = passedSquares?.[0]?.x;
  const marks: { [key: string]: number } | undefined = piece.marks;
  console.log(name, x, marks, piece.next?.at.y);
});
socket.on("two", (text: string, payload: number) => console.log(text, payload));
socket.on("over", () => undefined);
socket.on("picture", (bytes) => console.log(bytes.byteLength));
socket.on("any thing", (it) => {
  const unknown: unknown = it;
  // @ts-expect-error: nobody knows
  const text: string = it;
});
socket.on("maybe", (it: number | null) => console.log(it));

export const play = async (): Promise<void> => {
  const moved = await socket.emitWithAck("move", {
    room: "a",
    piece: { name: "rook", at: { x: 1 } },
  });
  if (moved.ok) {
    const number: number = moved.number;
    console.log(number);
  } else if (moved.code === "not_your_turn") {
    console.log(moved.message);
    // @ts-expect-error: not one of its codes
  } else if (moved.code === "muted") {
    console.log();
  }
  socket.emit("name", "a", (answer1, answer2) => {
    const name: string | Refused<Table.Codes["name"]> = answer1;
    const number: number | undefined = answer2;
    console.log(name, number);
  });
  socket.emit("name", "a", 2, { x: 1 }, { x: 2 }, () => undefined);
  const kind: string | undefined | { code: string } = await socket.emitWithAck("either", { x: 1 });
  await socket.emitWithAck("either");
  const offered = await socket.emitWithAck("offer", { type: "draw", text: "?" });
  await socket.emitWithAck("offer", { type: "resign" });
  await socket.emitWithAck("clock", { white_s: 1.5 });
  const unknown: unknown = await socket.emitWithAck("untyped", [1], 2, "three");
  await socket.emitWithAck("maybe never", new Uint8Array([1]));
  console.log(kind, offered, unknown, too, none);
  // @ts-expect-error: no such piece
  await socket.emitWithAck("move", { room: "a", piece: { name: "pawn", at: { x: 1 } } });
  // @ts-expect-error: no such offer
  await socket.emitWithAck("offer", { type: "else" });
  // @ts-expect-error: the clock needs its seconds
  await socket.emitWithAck("clock", {});
};
"""


@pytest.mark.node
def test_a_client_of_every_room_event_compiles(tmp_path: Path) -> None:
    write_types(tmp_path, SITE)
    assert compile_strictly(tmp_path, CLIENT) == []


@pytest.mark.node
def test_a_client_of_every_kind_of_type_compiles(tmp_path: Path) -> None:
    write_types(tmp_path, LAB)
    assert compile_strictly(tmp_path, LAB_CLIENT) == []


@pytest.mark.node
def test_a_client_of_what_is_not_there_does_not_compile(tmp_path: Path) -> None:
    write_types(tmp_path, LAB, "--namespace", "/table")
    errors = compile_strictly(tmp_path, LAB_CLIENT.replace('"/late/{name}"', '"/nope"'))
    assert any("nope" in error for error in errors)


def test_the_sample_uses_every_event_of_the_rooms(tmp_path: Path) -> None:
    types = write_types(tmp_path, SITE, "--namespace", "/games")
    for events, used in [
        ("ClientToServerEvents", ('emitWithAck("{}"', 'emit("{}"')),
        ("ServerToClientEvents", ('on("{}"',)),
    ]:
        block = types.partition(f"export interface {events} {{\n")[2].partition("\n  }\n")[0]
        names = [
            line.strip().partition(":")[0]
            for line in block.splitlines()
            if line.startswith("    ") and line[4].isalpha()
        ]
        assert len(names) >= 7
        for name in names:
            assert any(form.format(name) in CLIENT for form in used), name


def test_the_same_classes_give_the_same_text(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    types = write_types(tmp_path, SITE)
    assert types == write_types(tmp_path / "again", SITE)
    assert types.startswith("// The events of this site, for TypeScript.")
    assert "manage.py asyncapi --typescript" in types.splitlines()[0]
