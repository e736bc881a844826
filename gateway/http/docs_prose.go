package http

import (
	"html/template"
	"regexp"
	"strings"
)

// The little Markdown that the contract's descriptions use.
var (
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	code   = regexp.MustCompile("`([^`]+)`")
)

// prose renders a description. Everything in it is escaped first.
func prose(text string) template.HTML {
	escaped := template.HTMLEscapeString(strings.TrimSpace(text))
	escaped = strings.Join(strings.Split(escaped, "\n\n"), "<br><br>")
	escaped = strong.ReplaceAllString(escaped, "<strong>$1</strong>")
	escaped = code.ReplaceAllString(escaped, "<code>$1</code>")
	return template.HTML(escaped) //nolint:gosec // escaped above, and the tags are ours
}
