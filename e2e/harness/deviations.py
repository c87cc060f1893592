"""The places where an answer is meant not to fit the document: `deviations.json`, and the page made from it.

`python -m harness.deviations` writes the page.
"""

import json
import threading
from pathlib import Path

HERE = Path(__file__).parent.parent
PAGE = HERE.parent / "docs" / "deviations.md"


class Deviations:
    def __init__(self):
        self.listed = json.loads((HERE / "deviations.json").read_text())
        self.allowed = {
            (operation, pointer, entry["error"]): entry
            for entry in self.listed["schema"]
            for operation, pointers in entry["at"].items()
            for pointer in pointers
        }
        self.seen = set()
        self.unlisted = {}
        self.lock = threading.Lock()

    def meet(self, client, operation, pointer, error, details):
        place = operation, pointer, error
        entry = self.allowed.get(place)
        with self.lock:
            if entry and client in entry["clients"]:
                self.seen.add(place)
            else:
                self.unlisted.setdefault((*place, client), details)

    def report(self, report, everything_ran):
        report.check(
            "every answer fits the OpenAPI document, but for the listed deviations",
            [f"{' '.join(place)}: {details}" for place, details in sorted(self.unlisted.items())],
        )
        if everything_ran:
            never = sorted(set(self.allowed) - self.seen)
            report.check("every listed deviation occurs", [" ".join(place) for place in never])
        stale = [] if PAGE.exists() and PAGE.read_text() == self.page() else ["run `python -m harness.deviations` in e2e/"]
        report.check("docs/deviations.md says what e2e/deviations.json says", stale)

    def page(self):
        parts = [self.listed["introduction"], "## Answers that do not fit the published schema\n\n" + self.listed["checked"]]
        for entry in self.listed["schema"]:
            places = "\n".join(
                f"| `{operation}` | {', '.join(f'`{pointer}`' for pointer in pointers)} |"
                for operation, pointers in entry["at"].items()
            )
            parts.append(
                f"### {entry['title']}\n\n{entry['reason']}\n\nClients: {', '.join(entry['clients'])}.\n\n"
                f"| operation | where |\n| --- | --- |\n{places}"
            )
        parts.append("## Behaviour that differs from the reference")
        parts.append("\n".join(f"- **{entry['title']}.** {entry['reason']}" for entry in self.listed["behaviour"]))
        return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(Deviations().page())
