"""HIS: the watched folder, the database, a try of its query, and the way to its columns."""

from __future__ import annotations

from PySide6.QtCore import Qt

from app.errors import AgentError
from app.gui import his
from app.gui.page import Json
from app.gui.parts import Button, Mark, clear, column, frame, label, line, row, set_tone
from app.gui.questions import SecretEditor
from app.gui.settings_section import Section

_KEYS = ("folder", "url", "user", "query", "refresh_minutes")
_MOST_COLUMNS = 8


class HisSection(Section):
    """The password never stands among the answers: it goes to the secret store with 保存, and is not shown again."""

    title = "HIS"
    note = "结算号、医嘱号从 HIS 来，不用再打字"
    said = "保存后马上照新的取；已经填好的不变"
    parts = ("his",)

    def build(self) -> None:
        self._made = False
        self._state: Json = {}

    def fill(self) -> None:
        self.add_form(self.answers.asked("his", first=False))
        self.password = SecretEditor(self.look, {"kind": "secret", "label": "密码"}, kept=False)
        self.password.setFont(self.look.font("body"))
        self.password.typed.connect(self.touched)
        self._add_password()
        self.box.addWidget(line())
        self._add_trial()
        self.box.addWidget(line())
        self._add_columns()
        self._made = True
        self.desk.asker.ask(self.desk.face.his, self._show, key="his-settings")

    def enter(self) -> None:
        if self._made:
            self.desk.asker.ask(self.desk.face.his, self._show, key="his-settings")

    def is_changed(self) -> bool:
        return bool(self._told())

    def apply(self) -> None:
        face, told = self.desk.face, self._told()
        self.desk.asker.ask(
            lambda: face.his_keep(told), lambda _state: self.answers.renew(self._done, self._failed), self._failed
        )

    def try_query(self) -> None:
        """What the query gives, with what is typed here, saved or not; nothing is taken in."""
        face, password = self.desk.face, str(self.password.value())
        url, user, query = (str(self.answers.value(f"his.{key}")) for key in ("url", "user", "query"))
        self.trial.setEnabled(False)
        clear(self._result)
        self._say("正在问 HIS 数据库", "text2")
        self.desk.asker.ask(lambda: face.his_preview("", query, url, user, password), self._tried, self._not_tried)

    # -- building ---------------------------------------------------------------------------------------------------

    def _add_password(self) -> None:
        """Under the user's name."""
        caption = label(self.look, "密码", tone="text2")
        caption.setMinimumWidth(128)
        caption.setFixedHeight(32)
        caption.setAlignment(self.forms[0].rows[0].caption.alignment())
        around = frame("body")
        around.setMaximumWidth(self.forms[0].maximumWidth())
        right = column(gap=3)
        right.addWidget(self.password)
        right.addWidget(label(self.look, "存进密钥的地方，不写进设置文件", role="caption", tone="text3"))
        box = row(around, gap=12)
        box.addWidget(caption, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(right, 1)
        place = [one.key for one in self.forms[0].rows].index("his.user") + 1
        form = self.forms[0].layout()
        assert form is not None
        form.insertWidget(place, around)  # type: ignore[attr-defined]
        self.setTabOrder(self.forms[0].rows[place - 1].editor, self.password)

    def _add_trial(self) -> None:
        top = row(gap=12)
        self.trial = Button(self.look, "测试取数", icon="resend", slot=self.try_query)
        self._mark = Mark(self.look, "check", "text2", 16)
        self._said = label(self.look, "只读一次给您看，不会填进去", tone="text2", wrap=True)
        self._mark.hide()
        top.addWidget(self.trial)
        top.addWidget(self._mark)
        top.addWidget(self._said, 1)
        self.box.addLayout(top)
        self._result = column(gap=4)
        self.box.addLayout(self._result)

    def _add_columns(self) -> None:
        top = row(gap=12)
        self.map = Button(self.look, "对列", slot=self._open_columns)
        self._mapped = label(self.look, tone="text2", wrap=True)
        top.addWidget(self.map)
        top.addWidget(self._mapped, 1)
        self.box.addLayout(top)

    # -- showing ----------------------------------------------------------------------------------------------------

    def _show(self, state: Json) -> None:
        self._state = state
        self.password.line.setPlaceholderText("已经存好，不改就空着" if state["has_password"] else "")
        count = len(state["columns"])
        self.map.setText("重新对列" if count else "对列")
        asked = f"，有 {state['ambiguous']} 处要您选" if state["ambiguous"] else ""
        self._mapped.setText(f"已经对好 {count} 列{asked}" if count else "还没有对过列：告诉程序每一列是什么，只要一次")
        if state["trouble"]:
            self._say(state["trouble"], "you")
        self.show_problems()

    def show_problems(self) -> None:
        super().show_problems()
        if self._made:
            self.trial.setEnabled(bool(self.answers.value("his.url") and self.answers.value("his.query")))

    def _tried(self, answer: Json) -> None:
        self.trial.setEnabled(True)
        self._say(f"取到 {answer['row_count']} 行，{len(answer['columns'])} 列", "ok")
        if answer["missing"]:
            self._say(f"取到了，可是少了 {'、'.join(answer['missing'][:3])}，请重新对列", "you")
        for one in answer["columns"][:_MOST_COLUMNS]:
            texts = "、".join(one["samples"]) or "空的"
            self._result.addWidget(
                label(self.look, f"{one['name']}：{texts}", role="body_small", tone="text2", wrap=True)
            )
        if len(answer["columns"]) > _MOST_COLUMNS:
            more = f"另有 {len(answer['columns']) - _MOST_COLUMNS} 列"
            self._result.addWidget(label(self.look, more, role="body_small", tone="text3"))

    def _not_tried(self, error: AgentError) -> None:
        self.trial.setEnabled(True)
        self._say(f"{error.title}。{error.advice}", "you")

    def _say(self, text: str, tone: str) -> None:
        self._mark.setVisible(tone in ("ok", "you"))
        self._mark.show_mark("check" if tone == "ok" else "state-held", "text2" if tone == "ok" else "you")
        self._said.setText(text)
        set_tone(self._said, "text2" if tone == "ok" else tone)

    def _open_columns(self) -> None:
        asks = bool(self._state.get("url") and self._state.get("query"))
        his.open_his(self.desk, self.window(), self.enter, columns=asks)

    # -- saving -----------------------------------------------------------------------------------------------------

    def _told(self) -> Json:
        """What differs from what is in force."""
        if not self._made:
            return {}
        given, now = self.answers.document.get("his", {}), self.answers.now.get("his", {})
        told = {key: given[key] for key in _KEYS if key in given and given[key] != now.get(key)}
        password = str(self.password.value())
        return told | ({"password": password} if password else {})
