"""The page's language is chosen in its header and stays chosen."""


def test_a_chosen_language_stays_chosen(empty_app, open_page):
    page = open_page(empty_app.url)
    assert page.get_attribute("html", "lang") == "en"
    page.click("[data-language=zh]")
    page.wait_for_selector("html[lang=zh-CN]", state="attached")
    page.wait_for_selector("#start >> text=开始训练")
    page.reload()
    page.wait_for_selector("html[lang=zh-CN]", state="attached")
    page.wait_for_selector("#plan >> text=训练")  # what a handler answers, too
    page.click("[data-language=en]")
    page.wait_for_selector("html[lang=en]", state="attached")
    page.wait_for_selector("#start >> text=Start training")
