"""The doctor's phone as a page: what waits for a signature, its text, and the two buttons the phone has.

No scripts: a button is a form, and the page looks again by itself while nothing waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """body{font:16px/1.6 "Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif;margin:0;
background:#eef1f4;color:#222}main{max-width:28em;margin:0 auto;padding:1em}h1{font-size:1.2em;margin:.4em 0}
section{background:#fff;border:1px solid #d5dbe1;border-radius:8px;padding:.4em 1em 1em;margin:0 0 1em}
h2{font-size:1.05em;margin:.4em 0}pre{font:inherit;white-space:pre-wrap;background:#f5f7f9;padding:.6em;margin:.6em 0}
button{font:inherit;padding:.4em 1.6em;border-radius:6px;border:1px solid #1f6f8b;background:#fff;color:#1f6f8b}
button.sign{background:#1f6f8b;color:#fff}form{display:inline}.note{color:#55606a}"""
_SIGNED_SHOWN = 5


def phone_page(waiting: Sequence[Mapping[str, Any]], signed: Sequence[Mapping[str, Any]]) -> str:
    """`waiting` rows: {"doctor", "title", "description", "text", "qr"}; `signed`, newest first: {"doctor", "title"}."""
    again = "" if waiting else '<meta http-equiv="refresh" content="2">'
    parts = [_waiting(one) for one in waiting] or [
        "<section><h2>没有等着签名的报告</h2><p class='note'>在影像云上传助手里打开“电子签名”，二维码出来以后，"
        "报告就在这里。</p></section>"
    ]
    if signed:
        done = "".join(f"<li>{escape(one['title'])}　{escape(one['doctor'])}</li>" for one in signed[:_SIGNED_SHOWN])
        parts.append(f"<section><h2>刚签好的</h2><ul>{done}</ul></section>")
    return "".join(
        [
            f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">{again}<title>医生的手机 · 演练</title>',
            f"<style>{_STYLE}</style></head><body><main><h1>医生的手机 · 演练</h1>",
            "<p class='note'>代替真手机：窗口里的二维码，这里等于已经扫过。医师都是编的。</p>",
            *parts,
            "</main></body></html>",
        ]
    )


def _waiting(row: Mapping[str, Any]) -> str:
    about = "".join(f"<p class='note'>{escape(one)}</p>" for one in (row["description"],) if one)
    buttons = "　".join(_button(row["qr"], how, words) for how, words in (("sign", "签名"), ("refuse", "不签")))
    who = f"请 {escape(row['doctor'])} 签名" if row["doctor"] else "请签名"
    head = f"<h2>{escape(row['title'])}</h2>{about}<p>{who}</p>"
    return f"<section>{head}<pre>{escape(row['text'])}</pre>{buttons}</section>"


def _button(qr: str, how: str, words: str) -> str:
    hidden = "".join(
        f"<input type='hidden' name='{name}' value='{escape(value)}'>" for name, value in (("qr", qr), ("how", how))
    )
    return f"<form method='post' action=''>{hidden}<button class='{how}'>{words}</button></form>"
