package contract_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

// What somebody types into the Temporal UI is an action with a reason, or is refused before it is in a history.
func FuzzWhatAnOperatorTypes(f *testing.F) {
	for _, text := range []string{
		`{"note":"the carrier is back"}`, `{"actor":{"role":"operator","id":"op1"},"version":3}`, `{"Note":"x"}`, `{}`, `null`, `"x"`, `[1]`, `{"note":1}`,
		`{"note":"x","note_id":"note_1"}`, `{"actor":{"role":"buyer","id":"b1"},"note":"x"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var skip contract.Skip
		if json.Unmarshal([]byte(text), &skip) != nil || skip.Unfit() != nil {
			return
		}
		by := skip.By()
		require.NotEmpty(t, by.Actor.ID)
		require.Contains(t, []contract.Role{contract.Operator, contract.Administrator}, by.Actor.Role)
		require.True(t, skip.Note != "" || by.NoteID != "" || skip.Actor.ID != "", "nobody says why: %s", text)
	})
}
