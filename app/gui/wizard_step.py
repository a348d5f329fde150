"""What every step of the first set-up is."""

from __future__ import annotations

from collections.abc import Callable

from app.gui.answers import Answers, Fail
from app.gui.look import Look
from app.gui.page import Desk, Json
from app.gui.parts import Body, column
from app.gui.told import Told


class Step(Body):
    """One page of the wizard. `go(name)` opens another step; `changed()`: what is open has changed; `done()`: what it
    does by itself has ended well, the keyboard may go on."""

    name = ""
    title = ""
    note = ""
    next_words = "下一步"
    changed = Told()
    done = Told()

    def __init__(self, desk: Desk, answers: Answers, go: Callable[[str], None]) -> None:
        super().__init__()
        self.desk, self.answers, self.go = desk, answers, go
        self.look: Look = desk.look
        self.body = column(self, margins=(24, 0, 24, 12), gap=12)
        self.build()

    def build(self) -> None:
        """Make the widgets."""

    def show_answers(self) -> None:
        """The engine's questions and answers have come."""

    def enter(self) -> None:
        """The step is shown now."""

    def leave(self) -> None:
        """Another step is shown now, or none."""

    def open_problems(self) -> list[Json]:
        """What the engine still wants of this step."""
        return []

    def open_words(self) -> str:
        """The foot's line."""
        found = self.open_problems()
        missing = [str(one["label"]) for one in found if one["missing"]]
        wrong = [one for one in found if not one["missing"]]
        if wrong:
            return f"{wrong[0]['label'] or wrong[0]['title']}：{wrong[0]['advice']}"
        if not missing:
            return ""
        named = "、".join(missing[:3]) + ("…" if len(missing) > 3 else "")
        return f"还差 {len(missing)} 项：{named}"

    def stops(self) -> bool:
        """Whether the next step can't be shown yet."""
        return bool(self.open_problems()) or not self.answers.fresh

    def take(self, then: Callable[[], None], fail: Fail) -> None:
        """Put the answers of this step into force, then go on."""
        then()

    def focus_first(self) -> None:
        """The keyboard begins here."""

    def focus_open(self) -> None:
        """Go to the first thing that is open."""
        self.focus_first()
