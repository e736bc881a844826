// Package services_test holds what must be true of all services together.
package services_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/store"
	logistics "aftercare.dev/services/logistics/store"
	notification "aftercare.dev/services/notification/store"
	order "aftercare.dev/services/order/store"
	payment "aftercare.dev/services/payment/store"
	"aftercare.dev/services/platform/database"
)

func schemas() []database.Schema {
	return []database.Schema{
		cases.Migrations(), logistics.Migrations(), notification.Migrations(), order.Migrations(), payment.Migrations(),
	}
}

// released is what testdata/released.txt has of a service, a line for each migration: release, service,
// file, SHA-256. To release is to add the new migrations there.
type released struct {
	sums   map[string]string // by file
	newest int64
}

func releasedOf(t *testing.T, service string) released {
	t.Helper()
	file, err := os.Open("testdata/released.txt")
	require.NoError(t, err)
	defer file.Close()
	found := released{sums: map[string]string{}}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		require.Len(t, fields, 4)
		if fields[1] == service {
			version, err := goose.NumericComponent(fields[2])
			require.NoError(t, err)
			found.sums[fields[2]] = fields[3]
			found.newest = max(found.newest, version)
		}
	}
	return found
}

func TestAReleasedMigrationNeverChanges(t *testing.T) {
	for _, schema := range schemas() {
		for name, sum := range releasedOf(t, schema.Service).sums {
			text, err := fs.ReadFile(schema.Files, name)
			require.NoError(t, err, "%s %s was released and must stay", schema.Service, name)
			require.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(text)), "%s %s was released and must stay as it was", schema.Service, name)
		}
	}
}

// additive are the statements that a program of the release before does not notice: new tables, new indexes,
// new columns that it need not write, values for such a column, and triggers on a new table.
var (
	additive = regexp.MustCompile(`^(CREATE TABLE IF NOT EXISTS .+|CREATE INDEX .+|DROP TRIGGER IF EXISTS .+)$`)
	table    = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\S+)`)
	trigger  = regexp.MustCompile(`^CREATE TRIGGER (?:IF NOT EXISTS )?\S+ BEFORE \S+ ON (\S+)`)
	column   = regexp.MustCompile(`^ALTER TABLE (\S+) ADD COLUMN (\S+) \S+ (NULL|NOT NULL DEFAULT \S+|GENERATED ALWAYS AS \(.+\) VIRTUAL)$`)
	filling  = regexp.MustCompile(`^UPDATE (\S+) SET (\S+) = `)
)

func TestTheProgramOfTheReleaseBeforeWorksOnThisSchema(t *testing.T) {
	for _, schema := range schemas() {
		t.Run(schema.Service, func(t *testing.T) {
			before := releasedOf(t, schema.Service)
			require.LessOrEqual(t, schema.ServesFrom, before.newest, "ServesFrom is past the last release, which must still work")
			names, err := fs.Glob(schema.Files, "*.sql")
			require.NoError(t, err)
			added := map[string]bool{}
			for _, name := range names {
				if before.sums[name] != "" {
					continue
				}
				text, err := fs.ReadFile(schema.Files, name)
				require.NoError(t, err)
				for _, statement := range statements(string(text)) {
					if column := column.FindStringSubmatch(statement); column != nil {
						added[column[1]+"."+column[2]] = true
						continue
					}
					if table := table.FindStringSubmatch(statement); table != nil {
						added[table[1]] = true
					}
					if trigger := trigger.FindStringSubmatch(statement); trigger != nil && added[trigger[1]] {
						continue
					}
					if filled := filling.FindStringSubmatch(statement); filled != nil && added[filled[1]+"."+filled[2]] {
						continue
					}
					require.Regexp(t, additive, statement, "%s: the release before would notice this", name)
				}
			}
		})
	}
}

// statements splits a migration, without its comments, each on one line.
func statements(text string) []string {
	var sql []string
	for line := range strings.Lines(text) {
		if code, _, _ := strings.Cut(line, "--"); strings.TrimSpace(code) != "" {
			sql = append(sql, strings.Fields(code)...)
		}
	}
	var found []string
	for statement := range strings.SplitSeq(strings.Join(sql, " "), ";") {
		if statement = strings.TrimSpace(statement); statement != "" && statement != "END" {
			found = append(found, statement)
		}
	}
	return found
}
