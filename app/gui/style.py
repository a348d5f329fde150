"""The one short style sheet, written with the tokens' names; what it cannot say is painted by the widgets."""

from __future__ import annotations

import re

from app.gui.look import Look

_SHEET = """
QMainWindow, #page, #pages, QDialog { background: @bg; }
QScrollArea, #body { background: transparent; border: none; }
QScrollArea:focus { border: 2px solid @accent; }
#wizard, #wizard #body { background: @surface; border: none; }
#rail { background: @rail; border: none; }
#card, #popup, #plate { background: @surface; border: 1px solid @border; border-radius: 6px; }
#popup { border: 1px solid @accent; }
#plate { background: @subtle; border: none; border-radius: 4px; }
#line { background: @border; border: none; }
#hair { background: @hair; border: none; }
#strip { background: @idleSoft; border: none; border-bottom: 1px solid @border; }
#banner[tone="retry"] { background: @retrySoft; border: 1px solid @retry; border-radius: 6px; }
#banner[tone="you"] { background: @youSoft; border: 1px solid @you; border-radius: 6px; }
#banner[tone="bad"] { background: @badSoft; border: 1px solid @bad; border-radius: 6px; }
#banner[tone="work"] { background: @workSoft; border: 1px solid @work; border-radius: 6px; }
#doubt { background: @youSoft; border: 1px solid @you; border-radius: 6px; }
#choice { background: @surface; border: 1px solid @border; border-radius: 6px; }
#choice:checked { background: @accentSoft; border: 2px solid @accent; }

QPushButton { background: @surface; color: @text; border: 1px solid @line; border-radius: 4px;
  padding: 0 12px; min-height: 30px; }
QPushButton:hover { background: @subtle; }
QPushButton:focus { border: 2px solid @accent; padding: 0 11px; min-height: 28px; }
QPushButton:disabled { background: @subtle; color: @disabled; border-color: @border; }
QPushButton[kind="primary"] { background: @accent; color: @onAccent; border: 1px solid @accent; }
QPushButton[kind="primary"]:hover { background: @accentHover; }
QPushButton[kind="primary"]:focus { border: 2px solid @text; }
QPushButton[kind="primary"]:disabled { background: @subtle; color: @disabled; border-color: @border; }
QPushButton[kind="quiet"], QPushButton[kind="link"] { background: transparent; border: 1px solid transparent; }
QPushButton[kind="quiet"]:focus, QPushButton[kind="link"]:focus { border: 2px solid @accent; }
QPushButton[kind="quiet"] { color: @text2; }
QPushButton[kind="link"] { color: @accentText; padding: 0 4px; }
QPushButton[kind="link"]:focus { padding: 0 3px; }
QPushButton[kind="quiet"]:disabled, QPushButton[kind="link"]:disabled { color: @disabled; }
QPushButton[kind="quiet"]:hover, QPushButton[kind="link"]:hover { background: @idleSoft; }
QPushButton[kind="icon"] { background: transparent; border: 1px solid transparent; padding: 0; min-height: 26px;
  min-width: 26px; }
QPushButton[kind="icon"]:hover { background: @idleSoft; }
QPushButton[kind="icon"]:focus { border: 2px solid @accent; min-height: 24px; min-width: 24px; }
QPushButton[kind="big"] { background: @accent; color: @onAccent; border: 1px solid @accent; padding: 0 20px;
  min-height: 36px; font-size: @section; }
QPushButton[kind="big"]:hover { background: @accentHover; }
QPushButton[kind="big"]:focus { border: 2px solid @text; min-height: 34px; padding: 0 19px; }
QPushButton[fit="small"] { min-height: 26px; padding: 0 10px; }
QPushButton[fit="small"]:focus { min-height: 24px; padding: 0 9px; }
QPushButton[kind="link"][fit="small"] { padding: 0 4px; }
QPushButton[kind="link"][fit="small"]:focus { padding: 0 3px; }
QPushButton[kind="link"][fit="line"] { min-height: 18px; padding: 0 4px; }
QPushButton[kind="link"][fit="line"]:focus { min-height: 16px; padding: 0 3px; }
#key { background: @subtle; border: 1px solid @border; border-radius: 4px; }
QPushButton#choice, QPushButton#choice:focus { min-height: 60px; padding: 0; }
QPushButton#choice:focus { border: 2px solid @accent; }
QPushButton#choice:disabled { background: @surface; border: 1px solid @border; }
#byte { background: @surface; border: 1px solid @border; border-radius: 3px; }
#key { background: @subtle; border: 1px solid @border; border-radius: 3px; }
QPushButton[kind="segment"] { border: 1px solid @border; border-left: none; border-radius: 0; }
QPushButton[kind="segment"][first="true"] { border-left: 1px solid @border; }
QPushButton[kind="segment"]:checked { background: @accentSoft; color: @accentText; border: 1px solid @accent; }
QPushButton[kind="segment"]:focus { border: 2px solid @accent; }
QPushButton[kind="tab"] { background: transparent; border: none; border-bottom: 2px solid transparent; border-radius: 0;
  color: @text2; min-height: 36px; padding: 0 10px; }
QPushButton[kind="tab"]:checked { color: @accentText; border-bottom: 2px solid @accent; font-weight: bold; }
QPushButton[kind="tab"]:focus { background: @accentSoft; }
QPushButton[kind="rail"] { background: transparent; border: none; border-radius: 5px; text-align: left; padding: 0 14px;
  min-height: 38px; color: @text; }
QPushButton[kind="rail"]:hover { background: @idleSoft; }
QPushButton[kind="rail"][on="true"] { background: @select; color: @accentText; font-weight: bold; }
QPushButton[kind="rail"]:focus { border: 2px solid @accent; padding: 0 12px; min-height: 34px; }

QLineEdit, QPlainTextEdit, QComboBox, QDateEdit { background: @surface; color: @text; border: 1px solid @control;
  border-radius: 4px; padding: 0 9px; selection-background-color: @accent; selection-color: @onAccent;
  placeholder-text-color: @text3; }
QLineEdit, QComboBox, QDateEdit { min-height: 30px; }
QPlainTextEdit { padding: 4px 5px; }
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QDateEdit:focus { border: 2px solid @accent; padding: 0 8px; }
QLineEdit:focus, QComboBox:focus, QDateEdit:focus { min-height: 28px; }
QPlainTextEdit:focus { padding: 3px 4px; }
QLineEdit[wrong="true"], QPlainTextEdit[wrong="true"] { border: 2px solid @bad; padding: 0 8px; min-height: 28px; }
QPlainTextEdit[wrong="true"] { padding: 3px 4px; }
QLineEdit:read-only { background: @subtle; color: @text2; border-color: @border; }
QComboBox::drop-down, QDateEdit::drop-down { border: none; width: 26px; }
QComboBox::down-arrow, QDateEdit::down-arrow { image: url(@folder/icons/@arrow); width: 14px; height: 14px; }
QComboBox QLineEdit, QComboBox QLineEdit:focus { border: none; padding: 0; min-height: 0; background: transparent; }
QComboBox QAbstractItemView { background: @surface; border: 1px solid @line; selection-background-color: @select;
  selection-color: @text; outline: none; }

QCheckBox { spacing: 8px; }
QCheckBox::indicator { width: 16px; height: 16px; border: 1px solid @control; border-radius: 3px;
  background: @surface; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; image: url(@folder/icons/check-on.svg); }
QCheckBox::indicator:disabled { border-color: @border; background: @subtle; }
QCheckBox:focus { color: @accentText; }
QCheckBox::indicator:focus { border: 2px solid @accent; width: 14px; height: 14px; }

QTableView, QListView { background: @surface; border: none; outline: none; gridline-color: @hair;
  selection-background-color: @select; selection-color: @text; }
QHeaderView { background: @subtle; border: none; }
QHeaderView::section { background: @subtle; color: @text3; border: none; border-bottom: 1px solid @border;
  padding: 0 10px; font-size: @caption; font-weight: normal; }
QHeaderView::section:first { padding-left: 16px; }
QHeaderView::section:last { padding-right: 16px; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle { background: @line; border-radius: 3px; min-height: 28px; min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QMenu { background: @surface; border: 1px solid @line; border-radius: 6px; padding: 6px; }
QMenu::item { padding: 6px 24px 6px 10px; border-radius: 4px; color: @text; }
QMenu::item:selected { background: @select; }
QMenu::item:disabled { color: @text2; }
QMenu::separator { height: 1px; background: @border; margin: 5px 4px; }
QToolTip { background: @surface; color: @text; border: 1px solid @line; padding: 4px 6px; }
"""


def style_sheet(look: Look, folder: str) -> str:
    """The sheet in the theme of `look`; `folder`: `resources/gui` as a URL path, for the arrow of combo boxes."""
    names = {name: look.hex(name) for name in look.colour_names()}
    points = {role: f"{look.points(role)}pt" for role in ("caption", "section")}
    words = {**names, **points, "folder": folder, "arrow": "arrow-dark.svg" if look.dark else "arrow-light.svg"}
    sheet = re.sub(r"@(\w+)", lambda found: words[found[1]], _SHEET)
    return sheet + "".join(f'QLabel[tone="{name}"] {{ color: {colour}; }}\n' for name, colour in names.items())
