package store_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/database/databasetest"
)

func TestAKeyIsTheApplicantsOwn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		statements := databasetest.Statements(t, db)
		file := func(key, buyer string) (caseID string, created bool, took int) {
			statements()
			caseID, created, err := s.StoreApplication(t.Context(), merchant, key, asked(buyer), nil)
			require.NoError(t, err)
			return caseID, created, len(statements())
		}
		first, created, fresh := file("key-1", "b1")
		require.True(t, created)
		second, created, taken := file("key-1", "b2")
		require.True(t, created, "that somebody else used the key shows")
		require.NotEqual(t, first, second)
		require.Equal(t, fresh, taken, "a key that somebody else has used takes other statements than a fresh one")

		for buyer, want := range map[string]string{"b1": first, "b2": second} {
			again, created, _ := file("key-1", buyer)
			require.False(t, created)
			require.Equal(t, want, again)
			other := asked(buyer)
			other.Text = "something else"
			_, _, err := s.StoreApplication(t.Context(), merchant, "key-1", other, nil)
			refused(t, err, domain.CodeIdempotencyKeyReused)
		}
		asStorefront := asked("b1")
		asStorefront.Applicant = domain.Actor{Role: domain.RoleStorefront, ID: "b1"}
		third, created, err := s.StoreApplication(t.Context(), merchant, "key-1", asStorefront, nil)
		require.NoError(t, err)
		require.True(t, created)
		require.NotEqual(t, first, third, "a role is part of who somebody is")
	})
}

// Release 0.1.0 looks for a key in the place where it is as it came, and may run beside this release.
func TestTheFirstToUseAKeyIsFoundByTheReleaseBefore(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, db *gorm.DB) {
		asIs := func() (caseIDs []string) {
			require.NoError(t, db.Raw("SELECT case_id FROM applications WHERE merchant_id = ? AND idempotency_key = ?", merchant, "key-1").Scan(&caseIDs).Error)
			return caseIDs
		}
		mine := apply(t, s, "key-1", asked("b1"))
		require.Equal(t, []string{mine}, asIs())
		apply(t, s, "key-1", asked("b2"))
		require.Equal(t, []string{mine}, asIs())
		require.Equal(t, mine, apply(t, s, "key-1", asked("b1")))
	})
}

func TestOfSeveralApplicantsWithOneKeyAtOnceEachGetsOneCase(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		var (
			running sync.WaitGroup
			mu      sync.Mutex
			caseIDs = map[string]map[string]bool{}
		)
		for i := range 12 {
			buyer := []string{"b1", "b2", "b3"}[i%3]
			running.Go(func() {
				caseID, _, err := s.StoreApplication(t.Context(), merchant, "key-1", asked(buyer), nil)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				if caseIDs[buyer] == nil {
					caseIDs[buyer] = map[string]bool{}
				}
				caseIDs[buyer][caseID] = true
			})
		}
		running.Wait()
		all := map[string]bool{}
		for buyer, ids := range caseIDs {
			require.Len(t, ids, 1, buyer)
			for id := range ids {
				all[id] = true
			}
		}
		require.Len(t, all, 3)
	})
}

func TestAPhotoOfAnInternalNoteIsTheStaffs(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		photos := map[string]domain.Actor{
			"asked": {Role: domain.RoleBuyer, ID: "b1"}, "told": {Role: domain.RoleAgent, ID: "a1"},
			"internal": {Role: domain.RoleAgent, ID: "a1"}, "loose": {Role: domain.RoleAgent, ID: "a1"},
			"untold": {Role: domain.RoleAgent, ID: "a1"},
		}
		for id, by := range photos {
			require.NoError(t, s.AddEvidence(t.Context(), store.Evidence{MerchantID: merchant, EvidenceID: id, Role: by.Role, ActorID: by.ID, ContentType: "image/png"}))
		}
		application := asked("b1")
		application.EvidenceIDs = []string{"asked"}
		caseID := apply(t, s, "key-1", application)
		record(t, s, caseID, stepOf(t, state(), start, 1))
		apply(t, s, "key-2", asked("b2"))
		for i, id := range []string{"told", "internal", "untold"} {
			noteID, err := s.StoreNote(t.Context(), merchant, caseID, "note-"+id, domain.Note{Author: photos[id], Text: id, EvidenceIDs: []string{id}})
			require.NoError(t, err)
			if id == "untold" {
				continue // nothing on the timeline names it
			}
			entry := domain.Entry{
				Number: int64(2 + i), Type: "note.added", At: start.Add(time.Minute), Actor: photos[id], Audience: domain.Everyone, NoteID: noteID,
			}
			if id == "internal" {
				entry.Audience = domain.Staff
			}
			step, err := domain.NewStep([]domain.Entry{entry}, state(), 0)
			require.NoError(t, err)
			record(t, s, caseID, step)
		}
		for _, reader := range []struct {
			name, buyerID string
			everyone      bool
			sees          []string
		}{
			{"the buyer", "b1", false, []string{"asked", "told"}},
			{"the buyer, said twice", "b1", true, []string{"asked", "told"}},
			{"another buyer", "b2", false, nil},
			{"a storefront", "", true, []string{"asked", "told"}},
			{"the staff", "", false, []string{"asked", "told", "internal", "loose", "untold"}},
		} {
			for id := range photos {
				_, err := s.Evidence(t.Context(), merchant, id, reader.buyerID, reader.everyone)
				if err != nil {
					refused(t, err, domain.CodeEvidenceNotFound)
				}
				seen := err == nil
				require.Equal(t, slices.Contains(reader.sees, id), seen, "%s and the photo %q", reader.name, id)
			}
		}
	})
}
