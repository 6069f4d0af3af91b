"""Chinese for the interface texts that the theme's own catalogue leaves in English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TRANSLATIONS = {
    "Back to top": "回到顶部",
    "Clear search": "清除搜索",
    "Color mode": "明暗模式",
    "Copy": "复制",
    "Dark": "深色",
    "Light": "浅色",
    "Main": "全书目录",
    "Main navigation": "全书目录",
    "Page": "本页目录",
    "Search": "搜索",
    "Skip to main content": "跳到正文",
    "System Settings": "跟随系统",
    "Toggle primary sidebar": "显示或隐藏全书目录",
    "Toggle secondary sidebar": "显示或隐藏本页目录",
    "next": "下一页",
    "next page": "下一页",
    "previous": "上一页",
    "previous page": "上一页",
}


def translate_templates(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Let the templates' ``_`` look into `TRANSLATIONS` first."""
    gettext = app.builder.templates.environment.globals["gettext"]  # type: ignore[attr-defined]

    def translate(message: str, *args: Any, **kwargs: Any) -> str:
        return TRANSLATIONS.get(message) or gettext(message, *args, **kwargs)

    context["_"] = translate
    context["language"] = "zh-CN"  # the BCP 47 tag; Sphinx itself wants zh_CN


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("html-page-context", translate_templates)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
