package returns_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/workflows/contract"
)

// typed is what an operator types into the Temporal UI as the input of an action: it goes to the workflow as it is.
type typed struct {
	contract.Act
	input string
}

// MarshalJSON implements json.Marshaler.
func (t typed) MarshalJSON() ([]byte, error) { return []byte(t.input), nil }

func retries(input string) contract.Act  { return typed{contract.Retry{}, input} }
func skips(input string) contract.Act    { return typed{contract.Skip{}, input} }
func resolves(input string) contract.Act { return typed{contract.Resolve{}, input} }

func TestWhatAnOperatorTypesIsANoteOnTheTimeline(t *testing.T) {
	w := stuckBooking(t)
	w.at(time.Hour+30*time.Minute, retries(`{"note":"the carrier is back"}`)).expect("waiting_pickup")
	w.at(10*time.Hour, received())
	w.run()

	resolved := w.entry("case.attention_resolved")
	require.Equal(t, "operator", string(resolved.Actor.Role))
	require.Equal(t, "temporal", resolved.Actor.ID)
	require.Equal(t, "note_typed_1", *resolved.NoteID)
	require.Len(t, w.notes, 1)
	require.Equal(t, "the carrier is back", w.notes[0].Text)
	require.Equal(t, "temporal", w.notes[0].Author.ID)
	require.NotContains(t, *resolved.Data, "note", "words are in the note alone")
}

func TestANoteThatCannotBeKeptDoesNotStopTheOperator(t *testing.T) {
	w := stuckBooking(t)
	w.fails["StoreNote"] = always(refused("invalid_request"))
	w.at(time.Hour+30*time.Minute, resolves(`{"note":"settled by phone","actor":{"role":"operator","id":"op7"}}`)).expect("closed")
	w.run()

	require.Equal(t, "op7", w.entry("case.closed").Actor.ID)
	require.Equal(t, "resolved", w.outcome())
}

func TestWrongInputTypedIntoTheUIIsRefusedWithWords(t *testing.T) {
	w := stuckBooking(t)
	tests := map[string]*answer{
		"there is no such field":   w.at(70*time.Minute, retries(`{"note":"x","reason":"y"}`)),
		"longer than 500":          w.at(71*time.Minute, retries(`{"note":"`+strings.Repeat("x", 501)+`"}`)),
		`actor is {"role"`:         w.at(72*time.Minute, retries(`{"actor":{"role":"buyer","id":"b1"}}`)),
		"say why":                  w.at(73*time.Minute, skips(`{}`)),
		"say why: the input is an": w.at(74*time.Minute, resolves(`null`)),
		"not both":                 w.at(75*time.Minute, skips(`{"note":"x","note_id":"note_1"}`)),
	}
	w.at(90*time.Minute, retries(`{}`)).expect("waiting_pickup")
	w.at(10*time.Hour, received())
	w.run()

	for words, refused := range tests {
		require.Contains(t, refused.no(contract.RefusedInvalid).Detail, words)
	}
	require.Empty(t, w.notes)
}

func TestInputThatIsNoObjectSaysWhatToType(t *testing.T) {
	var retry contract.Retry
	require.ErrorContains(t, json.Unmarshal([]byte(`"please"`), &retry), `type one such as {"note": "the carrier is back"}`)
}

func TestAFieldOfALaterVersionCanBeReadWhenAHistoryIsReplayed(t *testing.T) {
	var retry contract.Retry
	require.NoError(t, json.Unmarshal([]byte(`{"note":"x","severity":3,"actor":{"role":"operator","id":"op1"}}`), &retry))
	require.Equal(t, "x", retry.Words())
	require.Equal(t, "op1", retry.By().Actor.ID)
}
