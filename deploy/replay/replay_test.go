package replay_test

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"aftercare.dev/deploy/replay"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func plan(t *testing.T, limit int, lines string) *replay.Plan {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.csv.gz")
	file, err := os.Create(path)
	require.NoError(t, err)
	zip := gzip.NewWriter(file)
	_, err = zip.Write([]byte(header + lines))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	require.NoError(t, file.Close())
	export, err := replay.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, export.Close()) })
	plan, err := replay.Read(export, limit)
	require.NoError(t, err)
	return plan
}

func TestACreditDrawsOnTheNewestPurchaseFirst(t *testing.T) {
	p := plan(t, 0, `A1,10001,X,5,2011-01-01 10:00:00,1.00,c1,UK
A2,10001,X,2,2011-01-02 10:00:00,1.10,c1,UK
A2,10001,X,1,2011-01-02 10:00:00,1.20,c1,UK
CN1,10001,X,-4,2011-01-03 10:00:00,1.00,c1,UK
`)
	require.Len(t, p.Returns, 2, "one case for each order that it draws on")
	require.Equal(t, "A2", p.Returns[0].Order)
	require.Equal(t, []replay.ReturnLine{{Line: 4, Quantity: 1}, {Line: 3, Quantity: 2}}, p.Returns[0].Lines, "of the same time the later row first")
	require.Equal(t, int64(340), p.Returns[0].Expected, "120 + 220")
	require.Equal(t, int64(100), p.Returns[1].Expected)
	require.Equal(t, int64(440), p.Expected)
}

func TestACreditThatCannotBeCoveredInFullTakesNoUnits(t *testing.T) {
	p := plan(t, 0, `A1,10001,X,5,2011-01-01 10:00:00,1.00,c1,UK
CN1,10001,X,-6,2011-01-03 10:00:00,1.00,c1,UK
CN2,10001,X,-5,2011-01-03 10:00:00,1.00,c1,UK
CN3,10001,X,-1,2011-01-03 10:00:00,1.00,c2,UK
`)
	require.Len(t, p.Unmatched, 2)
	require.Len(t, p.Returns, 1)
	require.Equal(t, int64(500), p.Expected)
}

func TestAPurchaseAfterTheCreditDoesNotCoverIt(t *testing.T) {
	p := plan(t, 0, `CN1,10001,X,-1,2011-01-01 10:00:00,1.00,c1,UK
A1,10001,X,5,2011-01-02 10:00:00,1.00,c1,UK
`)
	require.Len(t, p.Unmatched, 1)
}

func TestUnitsAreWorthWhatTheTotalLeavesThem(t *testing.T) {
	// 3 × 0.335 = 1.005 → 101 pence, units of 33, 34 and 34.
	p := plan(t, 0, `A1,10001,X,3,2011-01-01 10:00:00,0.335,c1,UK
CN1,10001,X,-1,2011-01-02 10:00:00,1.00,c1,UK
CN2,10001,X,-2,2011-01-03 10:00:00,1.00,c1,UK
`)
	require.Equal(t, int64(33), p.Returns[0].Expected)
	require.Equal(t, int64(68), p.Returns[1].Expected)
}

func TestALimitLoadsOnlyTheOrdersItNeeds(t *testing.T) {
	p := plan(t, 1, `A1,10001,X,3,2011-01-01 10:00:00,1.00,c1,UK
A2,10002,X,3,2011-01-01 10:00:00,1.00,c1,UK
CN1,10002,X,-9,2011-01-02 10:00:00,1.00,c1,UK
CN2,10002,X,-1,2011-01-02 10:00:00,1.00,c1,UK
CN3,10001,X,-1,2011-01-03 10:00:00,1.00,c1,UK
`)
	require.Equal(t, 1, p.Credits)
	require.Len(t, p.Orders, 1)
	require.Equal(t, "A2", p.Orders[0].ID)
	require.Len(t, p.Unmatched, 1)
}

func TestRowsThatNoSystemCouldTakeAreListedWithTheirLine(t *testing.T) {
	p := plan(t, 0, `A1,10001,X,0,2011-01-01 10:00:00,1.00,c1,UK
A1,10001,X,2,2011-01-01 10:00:00,0.00,c1,UK
CN1,10001,X,-1,2011-01-02 10:00:00,1.00,,UK
CN1,POST,X,-1,2011-01-02 10:00:00,1.00,c1,UK
CN1,10001,X,1,2011-01-02 10:00:00,1.00,c1,UK
A1,10001,X,two,2011-01-01 10:00:00,1.00,c1,UK
A1,10001,X,2,yesterday,1.00,c1,UK
A1,10001,X,2,2011-01-01 10:00:00,?,c1,UK
A2,POST,X,2,2011-01-01 10:00:00,1.00,,UK
`)
	lines := []int{}
	for _, r := range p.Rejected {
		require.NotEmpty(t, r.Reason)
		lines = append(lines, r.Line)
	}
	require.Equal(t, []int{2, 3, 4, 5, 6, 7, 8, 9}, lines)
	require.Len(t, p.Orders, 1, "an invoice of an unknown customer is a sale like any other")
}

func TestWhateverIsGivenBackAddsUpToWhatWasPaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := replay.NewMatcher()
		quantity := rapid.Int64Range(1, 100_000).Draw(t, "quantity")
		total := rapid.Int64Range(0, 10_000_000).Draw(t, "total")
		m.Bought(&replay.Purchase{Row: replay.Row{Line: 1, Customer: "c", Stock: "10001", Quantity: quantity, Total: total}, Order: "o"})
		var sum int64
		for left, line := quantity, 2; left > 0; line++ {
			units := rapid.Int64Range(1, left).Draw(t, "units")
			for _, r := range m.Match(replay.Row{Line: line, Customer: "c", Stock: "10001", Quantity: units, Credit: true}) {
				sum += r.Expected
			}
			left -= units
		}
		if sum != total {
			t.Fatalf("the returns add up to %d, paid was %d", sum, total)
		}
	})
}
