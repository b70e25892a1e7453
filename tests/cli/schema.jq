# SPDX-License-Identifier: GPL-2.0-or-later
# JSON Schema, as much of it as ours use. Input: a document; $schema: [the schema]. Output: one line per complaint.
def known: ["$comment", "$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "anyOf", "oneOf", "required",
	"additionalProperties", "dependentRequired", "properties", "items", "minItems", "maxItems", "minLength", "pattern", "minimum", "maximum"];
def typed($name):
	if $name == "integer" then type == "number" and floor == . else type == $name end;
def complain($s; $at):
	. as $doc |
	(($s | keys) - known | .[] | "\($at): the schema has \(.), which this test does not know"),
	(if $s["$ref"] then complain($schema[0]["$defs"][$s["$ref"] | ltrimstr("#/$defs/")] // error("no \($s["$ref"])"); $at) else empty end),
	(if $s.type and (typed($s.type) | not) then "\($at): no \($s.type)" else empty end),
	(if $s.enum and all($s.enum[]; . != $doc) then "\($at): none of \($s.enum)" else empty end),
	(if $s.anyOf and all($s.anyOf[]; . as $one | [$doc | complain($one; $at)] | length > 0) then "\($at): fits nothing of anyOf" else empty end),
	(if $s.oneOf and ([$s.oneOf[] as $one | select([$doc | complain($one; $at)] | length == 0)] | length) != 1 then "\($at): fits not just one of oneOf" else empty end),
	(if type == "object" then
		(($s.required // []) - keys | .[] | "\($at).\(.): missing"),
		(if $s.additionalProperties == false then keys - ($s.properties | keys) | .[] | "\($at).\(.): unknown" else empty end),
		(($s.dependentRequired // {}) | to_entries[] | select(.key as $key | $doc | has($key)) | .value - ($doc | keys) | .[] | "\($at).\(.): missing"),
		(($s.properties // {}) | to_entries[] | select(.key as $key | $doc | has($key)) | . as $p | $doc[$p.key] | complain($p.value; "\($at).\($p.key)"))
	elif type == "array" then
		(if length < ($s.minItems // 0) or length > ($s.maxItems // infinite) then "\($at): \(length) items" else empty end),
		(if $s.items then range(length) as $i | .[$i] | complain($s.items; "\($at)[\($i)]") else empty end)
	elif type == "string" then
		(if length < ($s.minLength // 0) then "\($at): too short" else empty end),
		(if $s.pattern and (test($s.pattern) | not) then "\($at): not \($s.pattern)" else empty end)
	elif type == "number" then
		(if . < ($s.minimum // .) or . > ($s.maximum // .) then "\($at): out of range" else empty end)
	else empty end);
complain($schema[0]; "document")
