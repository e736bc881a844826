package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
)

// Words and places that a person writes on the way, beside those that every order has.
var plantedWords = map[string]string{
	"application text":  "planted-words-application-Kirschwasser",
	"question":          "planted-words-question-Mirabellenkompott",
	"answer":            "planted-words-answer-Stachelbeergelee",
	"rejection":         "planted-words-rejection-Brombeerlikoer",
	"second thoughts":   "planted-words-second-Holunderbluete",
	"approval":          "planted-words-approval-Quittenbrot",
	"note":              "planted-words-note-Schlehenfeuer",
	"pickup name":       "Planted Abholer Hagebutt",
	"pickup phone":      "13955443322",
	"pickup street":     "Planted Sanddornweg 99",
	"verdict":           "planted-words-verdict-Berberitze",
	"contest":           "planted-words-contest-Vogelbeere",
	"contest's verdict": "planted-words-decided-Mispelmus",
}

func TestNoPersonalDataIsInAHistoryOrALog(t *testing.T) {
	t.Parallel()
	s := newShop(t, shared)
	words := plantedWords
	note := func(what string) map[string]any { return map[string]any{"note": words[what]} }
	in := judged(s.sell("b1"))
	in["text"] = words["application text"]
	c := s.file(in)
	does(s.agent, c.CaseID, "request-info", note("question"))
	does(s.storefront, c.CaseID, "provide-info", note("answer"))
	does(s.agent, c.CaseID, "reject", map[string]any{"reason": "evidence_insufficient", "note": words["rejection"]})
	does(s.storefront, c.CaseID, "answer-rejection", note("second thoughts"))
	does(s.agent, c.CaseID, "approve", note("approval"))
	does(s.agent, c.CaseID, "notes", map[string]any{"note": words["note"], "internal": true})
	does(s.storefront, c.CaseID, "book-pickup", map[string]any{"address": map[string]any{
		"name": words["pickup name"], "phone": words["pickup phone"], "province": "Jiangsu", "city": "Suzhou", "street": words["pickup street"],
	}})
	s.until(c.CaseID, "delivered", func(c cases.Case) bool { return c.Shipment != nil && c.Shipment.State == "delivered" })
	does(s.storefront, c.CaseID, "notes", note("note"))
	s.storefront.get("/v1/cases/" + c.CaseID + "/tracking").fine()
	s.receive(c.CaseID)
	verdict := worn()
	verdict["note"] = words["verdict"]
	does(s.warehouse, c.CaseID, "inspect", verdict)
	does(s.storefront, c.CaseID, "contest", note("contest"))
	does(s.agent, c.CaseID, "decide-contest", map[string]any{"decision": "accept", "note": words["contest's verdict"]})
	s.ends(c.CaseID, cases.OutcomeRefunded)
	require.Contains(t, string(s.operator.get("/v1/cases/"+c.CaseID+"/timeline?limit=200").body), words["verdict"], "the words are kept where they belong")

	historiesOf(t, s.h, s.merchant, c.CaseID, 2)
	s.h.keepsSecrets(t)
}

// keepsSecrets fails the test if something that was planted is in a history, in the log, or readable in a file: whoever
// copies the databases, or their logs of changes, learns nothing of anybody.
func (h *house) keepsSecrets(t testing.TB) {
	t.Helper()
	said := h.said()
	require.NotEmpty(t, said)
	all := histories(t, h)
	require.NotEmpty(t, all)
	secrets := map[string]string{
		"name": plantedName, "phone": plantedPhone, "e-mail": plantedMail, "street": plantedStreet, "payer": plantedPayer,
	}
	for what, word := range plantedWords {
		secrets[what] = word
	}
	for what, secret := range secrets {
		// Not with require.Contains, which would print everything.
		require.Falsef(t, contains(said, secret), "the %s is in the log: %s", what, around(said, secret))
		for id, one := range all {
			require.Falsef(t, contains(one.content, secret), "the %s is in the history of %s: %q", what, id, around(one.content, secret))
		}
	}
	h.keepsFiles(t, secrets)
}

// keepsFiles looks through everything that the house has written: databases, what they keep to recover from a crash,
// Temporal's store, logs. The world outside is not ours.
func (h *house) keepsFiles(t testing.TB, secrets map[string]string) {
	t.Helper()
	folders, orders := []string{h.dir}, 0
	if h.databases != nil {
		folders = append(folders, h.databases())
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist): // files come and go while the house works
				return nil
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "sandbox":
				return fs.SkipDir
			case !entry.Type().IsRegular():
				return nil
			}
			content, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if bytes.Contains(content, []byte("Down jacket")) {
				orders++
			}
			for what, secret := range secrets {
				if at := bytes.Index(content, []byte(secret)); at >= 0 {
					return fmt.Errorf("the %s is in %s: %q", what, filepath.Base(path), content[max(0, at-100):min(len(content), at+100)])
				}
			}
			return err
		})
		require.NoError(t, err)
	}
	require.NotZero(t, orders, "the files that were looked through hold the orders")
}
