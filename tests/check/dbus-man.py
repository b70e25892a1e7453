#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dbus-man.py VIRTRKD MAN-SOURCE HEADER: the manual of the D-Bus interface says what is, and all of it.

Both ways: each method, property and signal of the introspection data has its line in the manual, each such line
has its member; the same for the error names of the header. Arguments are compared with their names.
"""
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

INTERFACES = {
    "manager": "org.virtrk1.Manager",
    "domain": "org.virtrk1.Domain",
    "reservation": "org.virtrk1.Reservation",
}


def arguments(element, direction):
    found = [a for a in element.findall("arg") if a.get("direction", direction) == direction]
    return ", ".join((a.get("type") + " " + a.get("name", "")).strip() for a in found)


def members_of_xml(text, interface):
    """Lines in the manual's form, such as 'method Check(s domain) -> a{sv} verdict'."""
    found = set()
    for node in xml.fromstring(text).iter("interface"):
        if node.get("name") != interface:
            continue
        for e in node.findall("method"):
            out = arguments(e, "out")
            found.add(f"method {e.get('name')}({arguments(e, 'in')})" + (f" -> {out}" if out else ""))
        for e in node.findall("signal"):
            found.add(f"signal {e.get('name')}({arguments(e, 'out')})")
        for e in node.findall("property"):
            found.add(f"property {e.get('name')} {e.get('type')}")
    return found


def members_of_manual(text):
    """The same lines of each interface: a chapter names it, a section the kind, '*Name*...' the member."""
    found = {interface: set() for interface in INTERFACES.values()}
    interface = kind = None
    for line in text.splitlines():
        if line.startswith("# "):
            name = re.search(r"org\.virtrk1\.(Manager|Domain|Reservation)$", line)
            interface, kind = (name.group(0) if name else None), None
        elif line.startswith("## "):
            kind = {"Methods": "method", "Properties": "property", "Signals": "signal"}[line[3:]]
        elif interface and kind and (member := re.match(r"\*(\w+)\*(.*)$", line)):
            found[interface].add(f"{kind} {member.group(1)}{member.group(2)}")
    return found


def compare(what, is_so, written):
    for missing in sorted(is_so - written):
        print(f"{what}: not in the manual: {missing}")
    for extra in sorted(written - is_so):
        print(f"{what}: only in the manual: {extra}")
    return is_so == written and len(is_so) > 0


def main():
    virtrkd, manual_path, header_path = sys.argv[1:]
    with open(manual_path, encoding="utf-8") as f:
        manual = f.read()
    with open(header_path, encoding="utf-8") as f:
        errors = set(re.findall(r'"(org\.virtrk1\.Error\.\w+)"', f.read()))
    written = members_of_manual(manual)
    good = True
    n = 0
    for which, interface in INTERFACES.items():
        answer = subprocess.run([virtrkd, f"--bus-introspect={which}"], stdout=subprocess.PIPE, timeout=60, check=True)
        is_so = members_of_xml(answer.stdout, interface)
        n += len(is_so)
        good &= compare(interface, is_so, written[interface])
    good &= compare("errors", errors, set(re.findall(r"^\*(org\.virtrk1\.Error\.\w+)\*$", manual, re.M)))
    print(f"{n} members, {len(errors)} errors")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
