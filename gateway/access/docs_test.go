package access

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

var update = flag.Bool("update", false, "write the table into the docs")

const page = "../../docs/access.md"

// inDocs is the table for people: a row for each operation, a column for each role.
func inDocs() string {
	roles := slices.Clone(byReach)
	slices.Reverse(roles)
	var b strings.Builder
	b.WriteString("| operation |")
	for _, role := range roles {
		fmt.Fprintf(&b, " %s |", role)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(roles)) + "\n")
	for _, operation := range slices.Sorted(maps.Keys(table)) {
		fmt.Fprintf(&b, "| `%s` |", operation)
		for _, role := range roles {
			mark := " |"
			switch {
			case !slices.Contains(table[operation], role):
			case role == contract.Buyer:
				mark = " own |"
			default:
				mark = " yes |"
			}
			b.WriteString(mark)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestTheTableInTheDocsIsTheOneThatCounts(t *testing.T) {
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, begun := strings.Cut(string(content), "-update` -->\n")
	written, after, ended := strings.Cut(rest, "<!-- end of roles -->")
	require.True(t, begun && ended, "docs/access.md has no place for the table")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+"-update` -->\n"+inDocs()+"<!-- end of roles -->"+after), 0o600))
		return
	}
	require.Equal(t, inDocs(), written, "docs/access.md has another table; write it with -update")
}
