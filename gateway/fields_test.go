package gateway_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fieldsFile has a section for each role, with what it sees in answers: for a buyer all, for others what a buyer does not
// see. Members of lists are written with [], and the page around a list is left out.
const fieldsFile = "testdata/fields.txt"

// membersOf are the ways to all members of a JSON value.
func membersOf(at string, value any) []string {
	var found []string
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			way := strings.TrimPrefix(at+"."+name, ".")
			found = append(append(found, way), membersOf(way, member)...)
		}
	case []any:
		for _, item := range v {
			found = append(found, membersOf(at+"[]", item)...)
		}
	}
	return found
}

// answered are the JSON values of an answer: one, one for each line of a bulk, or one for each event.
func answeredWith(t *testing.T, r response) []any {
	t.Helper()
	texts := []string{r.body}
	switch kind := r.header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "text/event-stream"):
		texts = nil
		for line := range strings.Lines(r.body) {
			if data, ok := strings.CutPrefix(line, "data:"); ok {
				texts = append(texts, data)
			}
		}
	case strings.Contains(kind, "ndjson"):
		texts = strings.Split(strings.TrimSpace(r.body), "\n")
	case !strings.Contains(kind, "json"):
		return nil
	}
	var values []any
	for _, text := range texts {
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value), text)
		values = append(values, value)
	}
	return values
}

// seenBy are the members that a role is shown by all that it may do, where the services give everything they have.
func (e *estate) seenBy(role string, operations []contractOp) []string {
	e.t.Helper()
	var seen []string
	for _, o := range operations {
		if !slices.Contains(permitted(o.id), role) {
			continue
		}
		answer := o.ask(e.world, e.bearer(owner, merchant, role), there)
		for _, value := range answeredWith(e.t, answer) {
			for _, way := range membersOf("", value) {
				seen = append(seen, strings.TrimPrefix(way, "items[]."))
			}
		}
	}
	slices.Sort(seen)
	return slices.Compact(seen)
}

// TestEachRoleSeesItsFieldsAndNoOthers has every service give every member of its contract. A member that is new, or that
// goes to a role to which it did not go before, is a decision that shows up in the file.
func TestEachRoleSeesItsFieldsAndNoOthers(t *testing.T) {
	e, operations := newEstate(t), contractOps(t)
	content, err := os.ReadFile(fieldsFile)
	require.NoError(t, err)
	want := map[string][]string{}
	section := ""
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		default:
			want[section] = append(want[section], line)
		}
	}
	buyers := e.seenBy("buyer", operations)
	require.NotEmpty(t, buyers)
	for _, role := range everyRole {
		seen := e.seenBy(role, operations)
		if role != "buyer" {
			seen = slices.DeleteFunc(seen, func(way string) bool { return slices.Contains(buyers, way) })
		}
		for _, way := range seen {
			if !slices.Contains(want[role], way) {
				t.Errorf("%s sees %s: if it may, add the line to [%s] in %s", role, way, role, fieldsFile)
			}
		}
		for _, way := range want[role] {
			if !slices.Contains(seen, way) {
				t.Errorf("%s does not see %s any more, which [%s] in %s has", role, way, role, fieldsFile)
			}
		}
	}
}
