"""Tests the suite's own tools without the client."""

import json
import os
import tempfile
import unittest
import urllib.error
import urllib.request
import xml.etree.ElementTree as xml
from pathlib import Path

from ansi_svg import BACKGROUND, FOREGROUND, SIXTEEN, cells, moving, plain, svg
from client import below_prompt, flat, worded
from mock_api import NAMED, MockApi, response, refusal, windows
from report import Report, expect
from screen import NotSeen, Screen


def post(api, path, body):
    request = urllib.request.Request(api.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as reply:
        with reply:
            return reply.code, reply.headers, reply.read().decode()


class TheMock(unittest.TestCase):
    def test_a_streamed_response_has_the_given_text_and_usage(self):
        with MockApi() as api:
            api.play(response("Good morning.", usage={"output_tokens": 77}))
            status, _, body = post(api, "/v1/messages", {"model": "m", "stream": True, "messages": []})
        parts = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
        self.assertEqual((status, parts[0]["message"]["model"]), (200, "m"))
        self.assertEqual(
            [part["delta"]["text"] for part in parts if part["type"] == "content_block_delta"], ["Good morning."]
        )
        self.assertEqual(parts[-2]["usage"]["output_tokens"], 77)

    def test_without_stream_the_response_is_a_single_object(self):
        with MockApi() as api:
            _, _, body = post(api, "/v1/messages?beta=true", {"model": "m", "messages": []})
        self.assertEqual(json.loads(body)["content"][0]["text"], "Hello from the mock.")

    def test_a_refusal_has_the_headers_of_a_window_and_counts_as_a_question(self):
        with MockApi() as api:
            api.play("spend_limit")
            status, headers, body = post(api, "/v1/messages", {"stream": True})
            asked = api.questions()
        self.assertEqual(status, 429)
        self.assertEqual(headers["anthropic-ratelimit-unified-overage-disabled-reason"], "org_level_disabled_until")
        self.assertEqual(json.loads(body)["error"]["type"], "rate_limit_error")
        self.assertEqual(len(asked), 1)

    def test_counting_tokens_is_not_a_question(self):
        with MockApi() as api:
            post(api, "/v1/messages/count_tokens", {})
            self.assertEqual((len(api.questions()), len(api.requests())), (0, 1))

    def test_every_named_scenario_can_be_played_over_http(self):
        with MockApi() as api:
            for name in NAMED:
                put = urllib.request.Request(api.url + "/_mock/scenario", json.dumps(name).encode(), method="PUT")
                with urllib.request.urlopen(put, timeout=5) as reply:
                    self.assertEqual(reply.status, 200)
            put = urllib.request.Request(api.url + "/_mock/scenario", b'"no such"', method="PUT")
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(put, timeout=5)
            refused.exception.close()

    def test_a_weekly_claim_resets_with_the_week(self):
        headers = windows(0.1, 1.0, claim="seven_day", now=1_000_000)
        self.assertEqual(headers["anthropic-ratelimit-unified-reset"], headers["anthropic-ratelimit-unified-7d-reset"])

    def test_a_refusal_has_no_text(self):
        self.assertNotIn("text", refusal(500, "api_error", "Internal server error"))


class TheScreen(unittest.TestCase):
    def screen(self, command, **size):
        return Screen(
            ["/bin/sh", "-c", command],
            environment={"PATH": os.environ["PATH"]},
            directory=tempfile.gettempdir(),
            **size,
        )

    def test_the_screen_has_the_given_size_and_shows_the_output(self):
        with self.screen("stty size; exec cat", columns=67, rows=13) as screen:
            self.assertIn("13 67", screen.wait("its size", "13 67"))
            screen.type("typed")
            screen.key("Enter")
            screen.wait("the echo", lambda text: text.count("typed") == 2)

    def test_a_failed_wait_reports_what_the_screen_shows(self):
        with self.screen("echo something else; exec cat") as screen:
            screen.wait("a start", "something")
            with self.assertRaisesRegex(NotSeen, "(?s)a miracle.*something else"):
                screen.wait("a miracle", "miracle", deadline=0.2)

    def test_a_wait_fails_at_once_when_the_program_ends(self):
        with self.screen("echo gone") as screen:
            with self.assertRaisesRegex(NotSeen, "ended before"):
                screen.wait("a miracle", "miracle", deadline=60)


class TheReport(unittest.TestCase):
    def test_a_failed_check_reports_the_actual_result_and_later_checks_run(self):
        report = Report("a day")
        with report.check("two is three"):
            expect(2 == 3, "it is two")
        with report.check("two is two"):
            expect(2 == 2, "never told")
        self.assertEqual((report.passed, report.failed), (1, 1))
        self.assertIn("FAILED two is three\n         it is two", report.text())


class TheWords(unittest.TestCase):
    BORDER = "─" * 30

    def test_the_footer_is_the_text_below_the_second_border(self):
        screen = f"● text\n{self.BORDER}\n❯ \n{self.BORDER}\n  Opus $0.07\n  hint\n\n"
        self.assertEqual(below_prompt(screen), "  Opus $0.07\n  hint")
        self.assertEqual(below_prompt("❯ \n  menu"), "")

    def test_wrapped_texts_and_texts_with_different_numbers_compare_equal(self):
        self.assertEqual(flat("resets\n     at 8"), "resets at 8")
        self.assertEqual(worded("in 1 h 52 m"), worded("in 1 h  9 m"))


class ThePicture(unittest.TestCase):
    def shapes(self, text):
        return xml.fromstring(svg(cells(text), 40, "title"))

    def texts(self, text):
        return [
            (node.text, node.get("fill"), float(node.get("x")))
            for node in self.shapes(text).iter("{http://www.w3.org/2000/svg}text")
        ][1:]

    def test_a_color_continues_on_the_next_line_until_it_is_reset(self):
        red = SIXTEEN[1]
        self.assertEqual(
            [(t, f) for t, f, _ in self.texts("\x1b[31mone\ntwo\x1b[39m three")],
            [("one", red), ("two", red), ("three", FOREGROUND)],
        )

    def test_palette_colors_and_true_colors_are_converted(self):
        self.assertEqual([f for _, f, _ in self.texts("\x1b[38;5;196ma\x1b[38;2;1;2;3mb")], ["#ff0000", "#010203"])

    def test_reversed_text_swaps_foreground_and_background(self):
        self.assertEqual(self.texts("\x1b[7mx")[0][1], BACKGROUND)

    def test_a_link_leaves_only_its_text(self):
        self.assertEqual(plain(cells("\x1b]8;;https://example.com\x1b\\here\x1b]8;;\x1b\\ now")[0]), "here now")

    def test_a_wide_character_takes_two_cells(self):
        row = cells("漢x")[0]
        self.assertEqual([(cell.character, cell.column) for cell in row], [("漢", 0), ("x", 2)])

    def test_hostile_text_cannot_leave_its_element(self):
        self.assertEqual(self.texts("</text><script>&")[0][0], "</text><script>&")
        self.assertEqual(self.shapes("a\x01b\x1b[999mc").tag, "{http://www.w3.org/2000/svg}svg")

    def test_the_last_frame_comes_first_and_is_the_only_one_shown_without_motion(self):
        drawn = moving([(1, cells("one")), (3, cells("two\nlines"))], 40, "title")
        groups = [node for node in xml.fromstring(drawn).iter("{http://www.w3.org/2000/svg}g") if node.get("class")]
        self.assertEqual(
            [(node.get("class"), node.get("visibility")) for node in groups], [("f0", "visible"), ("f1", "hidden")]
        )
        self.assertIn("two", "".join(groups[0].itertext()))
        self.assertIn("@keyframes f0{0%{visibility:visible}75%{visibility:hidden}}", drawn)
        self.assertIn("@keyframes f1{0%{visibility:hidden}75%{visibility:visible}}", drawn)
        self.assertIn("animation:f1 4s", drawn)
        self.assertIn("prefers-reduced-motion:reduce){g[class]{animation:none}}", drawn)

    def test_a_border_is_moved_but_not_scaled(self):
        path = [*xml.fromstring(svg(cells("│"), 4, "title", "")).iter("{http://www.w3.org/2000/svg}path")][-1]
        self.assertIsNone(path.get("transform"))
        self.assertRegex(path.get("d"), r"^M[\d.]+ [\d.]+V[\d.]+$")

    def test_every_picture_in_the_repository_is_valid_and_contains_no_key(self):
        for file in (Path(__file__).resolve().parents[2] / "docs" / "pictures").glob("*.svg"):
            text = file.read_text()
            xml.fromstring(text)
            self.assertNotIn("sk-ant", text)
            self.assertNotIn("/tmp/", text)


if __name__ == "__main__":
    unittest.main()
