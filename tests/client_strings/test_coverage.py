"""python3 -m unittest discover -s tests/client_strings -p 'test_*.py'"""

import json
import tempfile
import unittest
from pathlib import Path

import coverage
from literals import decoded, is_sentence, literals
from refusals import refusals

SCRIPT = rb"""\x00function a(b){if(c==="x")return`You've hit your ${d(e)} limit \xB7 resets ${f}`;
var g={usage:h.limit,"limit reached":i},j='Credit balance is too low',k="You\u2019re out of usage credits";
l("Overload signatures must all be public.");throw Error("Usage: cd <path>");m=n?"a":"b"+o.usage_limit;"""


class Literals(unittest.TestCase):
    def of(self, script):
        with tempfile.NamedTemporaryFile() as file:
            file.write(script)
            file.flush()
            return literals(file.name)

    def test_sentences_about_limits_are_found_as_the_user_sees_them(self):
        self.assertEqual(
            self.of(SCRIPT),
            [
                "Credit balance is too low",
                "You've hit your … limit · resets …",
                "You’re out of usage credits",
                "limit reached",
            ],
        )

    def test_a_literal_is_found_only_if_both_of_its_quotation_marks_are_there(self):
        self.assertEqual(self.of(b'("usage limit reached'), [])
        self.assertEqual(self.of(b'("usage limit reached")'), ["usage limit reached"])

    def test_inserted_values_are_replaced_with_an_ellipsis(self):
        self.assertEqual(decoded(rb"resets ${a({b:1})} \u{1F600} \x41\n  x"), "resets … 😀 A x")
        self.assertEqual(decoded(rb"resets ${a("), "resets …")

    def test_code_is_not_a_sentence(self):
        for text in ("a.limit=>b usage limit", "function x(usage limit){", "usage", "the limit of a file"):
            self.assertFalse(is_sentence(text), text)


ERRORS = rb"""var $abc="Prompt is too long";function bcd(a){if(a)return"Switch to "+a;return`Stay \xB7 ${$abc}`}function make(a){}
function map(e){let k=bcd(e);if(e.a)return make({content:$abc,error:"invalid_request"});if(e.b)return make({content:e.c?`Refused ${e.d} times. ${k}`:"Refused here",
error:"authentication_failed",apiError:"refused"});return make({content:`API Error: Request rejected (429)`,error:"rate_limit"})}"""


# Since 2.1.332, a client inserts a part of some texts through functions with short names.
INSERTED = rb"""function clean(e){return strip(e).replace(/[\r\n]/g,"")}function conn(e){return clean(j(e)).trimEnd()}
function j(e){if(e.a)return"Connection lost";return"Request timed out"}function make(a){}
function map(e){if(e.a)return make({content:`API Error: ${conn(e)}`,error:"server_error"});
return make({content:`API Error: Request rejected (429)`,error:"rate_limit"})}"""


class Refusals(unittest.TestCase):
    def test_every_text_that_an_error_can_have_is_found(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(ERRORS)
            file.flush()
            self.assertEqual(
                refusals(file.name),
                [
                    ("authentication_failed", "refused", "Refused here"),
                    ("authentication_failed", "refused", "Refused … times. Stay · Prompt is too long"),
                    ("authentication_failed", "refused", "Refused … times. Switch to …"),
                    ("invalid_request", "", "Prompt is too long"),
                    ("rate_limit", "", "API Error: Request rejected (429)"),
                ],
            )

    def test_a_text_is_found_through_functions_that_only_shorten_it(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(INSERTED)
            file.flush()
            texts = {text for *_, text in refusals(file.name)}
        self.assertEqual(
            texts, {"API Error: Connection lost", "API Error: Request timed out", "API Error: Request rejected (429)"}
        )

    def test_a_program_without_error_messages_has_no_refusals(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(SCRIPT)
            file.flush()
            self.assertEqual(refusals(file.name), [])


class Counts(unittest.TestCase):
    def test_a_fall_by_more_than_a_tenth_is_too_much(self):
        for description, number in coverage.COUNTS.items():
            self.assertFalse(coverage.has_too_few(description, round(number * 0.95)))
            self.assertTrue(coverage.has_too_few(description, number // 2))


class NotLimits(unittest.TestCase):
    LISTED = coverage.reasons(coverage.NOT_LIMITS.read_text())

    def test_every_reason_has_patterns(self):
        self.assertGreater(len(self.LISTED), 5)
        for reason, patterns in self.LISTED:
            self.assertTrue(patterns, reason)

    def test_no_pattern_matches_a_message_about_a_limit(self):
        data = Path(__file__).resolve().parent.parent / "data" / "messages"
        cases = [
            json.loads(line)
            for name in ("known-1", "samples")
            for line in (data / f"{name}.jsonl").read_text().splitlines()
        ]
        texts = [case["text"] for case in cases if case["expect"].get("is_limit")]
        self.assertGreater(len(texts), 150)
        taken = [(text, p.pattern) for text in texts for _, patterns in self.LISTED for p in patterns if p.search(text)]
        self.assertEqual(taken, [])

    def test_each_sentence_is_known_or_listed_or_new_or_denied(self):
        listed = coverage.reasons("A reason:\n  ^Buy usage credits\n")
        sentences = [
            "You've hit your limit",
            "Buy usage credits now",
            "A lunar limit reached you",
            "Buy usage credits, said Claude",
        ]
        self.assertEqual(
            coverage.sorted_sentences(sentences, ["no-name", "unknown", "unknown", "other-program"], listed),
            (
                [("no-name", sentences[0])],
                [("A reason", sentences[1])],
                [("", sentences[2])],
                [("other-program", sentences[3])],
            ),
        )


if __name__ == "__main__":
    unittest.main()
