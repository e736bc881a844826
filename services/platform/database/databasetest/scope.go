package databasetest

import (
	"regexp"
	"slices"
	"strings"
)

// tenant is the column that says whose a row is.
const tenant = "merchant_id"

// unscoped returns the first of the tenants' tables that the statement reads or writes without a predicate on the
// tenant, or "". It understands the SQL that stores write: joins, nested and correlated SELECTs, UNION, INSERT. A predicate
// counts only where it must hold: not beside an OR.
func unscoped(statement string, tables []string) string {
	tokens := lex(statement)
	root, _ := parse(tokens, 0)
	return root.unscoped(tables)
}

var token = regexp.MustCompile(`'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z_][A-Za-z0-9_]*|\*))?|\?|[0-9]+|<=|>=|<>|!=|\|\||\S`)

// lex cuts a statement into lower-case words and signs; quotes around names are dropped.
func lex(statement string) []string {
	plain := strings.NewReplacer("`", "", `"`, "").Replace(statement)
	tokens := token.FindAllString(plain, -1)
	for i, t := range tokens {
		tokens[i] = strings.ToLower(t)
	}
	return tokens
}

// group is what stands between two parentheses, or a whole statement.
type group struct {
	// words are the words and signs, with "()" in the place of each inner group.
	words []string
	inner []*group
}

func parse(tokens []string, at int) (*group, int) {
	g := &group{}
	for at < len(tokens) {
		switch tokens[at] {
		case "(":
			child, next := parse(tokens, at+1)
			g.words, g.inner, at = append(g.words, "()"), append(g.inner, child), next
		case ")":
			return g, at + 1
		default:
			g.words = append(g.words, tokens[at])
			at++
		}
	}
	return g, at
}

func (g *group) isSelect() bool { return len(g.words) > 0 && g.words[0] == "select" }

// unscoped checks each SELECT of a union and each half of an INSERT … SELECT on its own, and whatever SELECTs are inside.
func (g *group) unscoped(tables []string) string {
	first := 0
	for i := 1; i <= len(g.words); i++ {
		if i < len(g.words) && g.words[i] != "select" {
			continue
		}
		if table := g.part(first, i).unscopedPart(tables); table != "" {
			return table
		}
		first = i
	}
	for _, child := range g.inner {
		if table := child.deepest(tables); table != "" {
			return table
		}
	}
	return ""
}

// deepest checks a SELECT in parentheses; other groups are part of the statement around them but may hold SELECTs.
func (g *group) deepest(tables []string) string {
	if g.isSelect() {
		return g.unscoped(tables)
	}
	for _, child := range g.inner {
		if table := child.deepest(tables); table != "" {
			return table
		}
	}
	return ""
}

// part is the group from one word to another.
func (g *group) part(from, to int) *group {
	skipped := 0
	for _, word := range g.words[:from] {
		if word == "()" {
			skipped++
		}
	}
	p := &group{words: g.words[from:to]}
	for _, word := range p.words {
		if word == "()" {
			p.inner = append(p.inner, g.inner[skipped+len(p.inner)])
		}
	}
	return p
}

func (g *group) unscopedPart(tables []string) string {
	used := g.tables()
	bound := g.bound(used)
	for _, u := range used {
		if slices.Contains(tables, u.table) && !bound[u.name] {
			return u.table
		}
	}
	return ""
}

// use is a table under the name by which the statement calls it.
type use struct{ table, name string }

// ends are the words that follow a table and are no name for it.
var ends = []string{"", "()", "where", "set", "on", "join", "inner", "left", "cross", "order", "group", "limit", "values", "select", ",", "="}

// tables are those that a part of a statement names, without those of inner SELECTs.
func (g *group) tables() []use {
	var found []use
	word := func(i int) string {
		if i < len(g.words) {
			return g.words[i]
		}
		return ""
	}
	for i, w := range g.words {
		starts := w == "join" || w == "into" || w == "from" || w == "update" && i == 0
		if !starts || word(i+1) == "()" {
			continue
		}
		u := use{table: word(i + 1), name: word(i + 1)}
		next := i + 2
		if word(next) == "as" {
			next++
		}
		if !slices.Contains(ends, word(next)) {
			u.name = word(next)
		}
		found = append(found, u)
	}
	return found
}

// bound are the names whose tenant is given: by a value, by a column in an INSERT, or by that of a bound name.
func (g *group) bound(used []use) map[string]bool {
	bound := map[string]bool{}
	if g.inserts() {
		bound[used[0].name] = true
	}
	conditions := g.conditions()
	for range used { // each round can bind one more through another
		for i := 1; i+1 < len(conditions); i++ {
			left, sign, right := conditions[i-1], conditions[i], conditions[i+1]
			if sign != "=" {
				continue
			}
			for _, pair := range [][2]string{{left, right}, {right, left}} {
				if name, ok := named(pair[0], used); ok && given(pair[1], used, bound) {
					bound[name] = true
				}
			}
		}
	}
	return bound
}

// inserts tells whether this is an INSERT that names the tenant's column.
func (g *group) inserts() bool {
	if len(g.words) < 4 || g.words[0] != "insert" {
		return false
	}
	return len(g.inner) > 0 && slices.Contains(g.inner[0].words, tenant)
}

// named is the name whose tenant the word is; without a name in front it is that of the only table.
func named(word string, used []use) (string, bool) {
	name, column, qualified := strings.Cut(word, ".")
	switch {
	case word == tenant && len(used) == 1:
		return used[0].name, true
	case qualified && column == tenant && slices.ContainsFunc(used, func(u use) bool { return u.name == name }):
		return name, true
	}
	return "", false
}

// given tells whether the word is a value, or the tenant of a bound name or of a statement around this one.
func given(word string, used []use, bound map[string]bool) bool {
	if word == "?" {
		return true
	}
	name, column, qualified := strings.Cut(word, ".")
	if !qualified || column != tenant {
		return false
	}
	inside := slices.ContainsFunc(used, func(u use) bool { return u.name == name })
	return bound[name] || !inside
}

// conditions are the words after WHERE and ON that must all hold; groups with an OR, and what is inside inner SELECTs, are
// left out.
func (g *group) conditions() []string {
	at := slices.IndexFunc(g.words, func(w string) bool { return w == "where" || w == "on" })
	if at < 0 {
		return nil
	}
	return g.part(at, len(g.words)).must()
}

func (g *group) must() []string {
	if slices.Contains(g.words, "or") || g.isSelect() {
		return nil
	}
	var words []string
	child := 0
	for i, w := range g.words {
		if w != "()" {
			words = append(words, w)
			continue
		}
		if i == 0 || g.words[i-1] != "not" {
			words = append(append(words, "("), append(g.inner[child].must(), ")")...)
		}
		child++
	}
	return words
}
