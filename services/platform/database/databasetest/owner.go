package databasetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// Reads are the ways in which a store is asked for what is somebody's own, by name: of whom, and of which record.
type Reads map[string]func(owner, id string) error

// Confined fails the test unless every read finds mine for me, has the owner's column in its first statement, and takes for a
// record of somebody else exactly the statements that it takes for one that never was, so that neither the answer nor its
// time tells the one from the other. Stranger owns nothing that is asked for; absent is the id of nothing.
func Confined(t *testing.T, db *gorm.DB, column string, reads Reads, me, mine, stranger, absent string) {
	t.Helper()
	statements := Statements(t, db)
	for name, read := range reads {
		ask := func(owner, id string) (string, []string) {
			statements()
			return fmt.Sprint(read(owner, id)), statements()
		}
		answer, made := ask(me, mine)
		if answer != fmt.Sprint(error(nil)) {
			t.Errorf("%s by the owner: %s", name, answer)
		}
		if len(made) == 0 || !strings.Contains(strings.NewReplacer("`", "", `"`, "").Replace(made[0]), column+" = ?") {
			t.Errorf("%s by the owner does not ask for %s:\n%s", name, column, strings.Join(made, "\n"))
		}
		foreign, madeForeign := ask(stranger, mine)
		never, madeNever := ask(stranger, absent)
		if foreign == answer || foreign != never {
			t.Errorf("%s of somebody else's is answered %q, of what never was %q", name, foreign, never)
		}
		if !slices.Equal(madeForeign, madeNever) {
			t.Errorf("%s takes other statements for what is somebody else's than for what never was:\n%s\n\n%s",
				name, strings.Join(madeForeign, "\n"), strings.Join(madeNever, "\n"))
		}
	}
}
