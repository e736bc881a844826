package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/cases/store"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/seal"
)

const secretWords = "my name is 张三丰, call 13800138000"

func keyOf(b byte) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)) }

func sealer(t testing.TB, keys string, sealing bool) *seal.Sealer {
	t.Helper()
	s, err := seal.New(seal.Config{Keys: config.Secret(keys), Seal: sealing})
	require.NoError(t, err)
	return s
}

// album remembers which photos were dropped, and drops their rows as the vault does.
type album struct {
	s       *store.Store
	dropped []string
	fail    error
}

func (a *album) Forget(ctx context.Context, photos []store.Evidence) error {
	if a.fail != nil {
		return a.fail
	}
	for _, one := range photos {
		a.dropped = append(a.dropped, one.EvidenceID)
		if err := a.s.DropEvidence(ctx, one.MerchantID, one.EvidenceID); err != nil {
			return err
		}
	}
	return nil
}

func photoOf(t testing.TB, s *store.Store, id, buyer string) {
	t.Helper()
	require.NoError(t, s.AddEvidence(t.Context(), store.Evidence{
		MerchantID: merchant, EvidenceID: id, Role: domain.RoleBuyer, ActorID: buyer, ContentType: "image/png", SizeBytes: 1, Width: 1, Height: 1, BlobKey: id,
	}))
}

// told is a case of the buyer with words and photos, at a stage.
func told(t *testing.T, s *store.Store, key, buyer string, change ...func(*domain.State)) string {
	t.Helper()
	photoOf(t, s, "evd_"+key, buyer)
	a := asked(buyer)
	a.Text, a.EvidenceIDs = secretWords, []string{"evd_" + key}
	caseID := opened(t, s, key, a, state(change...), start)
	_, err := s.StoreNote(t.Context(), merchant, caseID, "n1", domain.Note{Author: a.Applicant, Text: secretWords})
	require.NoError(t, err)
	_, err = s.StoreNote(t.Context(), merchant, caseID, "n2", domain.Note{Author: domain.Actor{Role: domain.RoleAgent, ID: "agent-1"}, Text: "said " + secretWords})
	require.NoError(t, err)
	return caseID
}

// words are all texts as the tables have them.
func words(t testing.TB, db *gorm.DB) (all []string) {
	t.Helper()
	for _, table := range []string{"applications", "notes"} {
		var texts []string
		require.NoError(t, db.Table(table).Where("merchant_id = ?", merchant).Pluck("text", &texts).Error)
		all = append(all, texts...)
	}
	return all
}

func TestTextsAreSealedAndReadAsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		caseID := told(t, s, "key-1", "b1")
		for _, text := range words(t, db) {
			require.NotContains(t, text, "138001")
		}
		a, err := s.Application(t.Context(), merchant, caseID)
		require.NoError(t, err)
		require.Equal(t, secretWords, a.Text)
		details, err := s.Case(t.Context(), merchant, caseID, "b1")
		require.NoError(t, err)
		require.Equal(t, secretWords, details.Text)
		export, more, err := s.OfBuyer(t.Context(), merchant, "b1", "", 10)
		require.NoError(t, err)
		require.False(t, more)
		require.Len(t, export, 1)
		require.Equal(t, secretWords, export[0].Text)
		require.Len(t, export[0].Notes, 1, "what the staff wrote is not the buyer's")
		require.Equal(t, secretWords, export[0].Notes[0].Text)
		require.Equal(t, []string{"evd_key-1"}, export[0].EvidenceIDs)
	})
}

func TestTextsFromBeforeTheKeysAreReadAndResealed(t *testing.T) {
	each(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		first := told(t, plain, "key-1", "b1")
		second := told(t, plain.Sealing(sealer(t, "k1:"+keyOf(1), false)), "key-2", "b1")
		fresh := sealer(t, "k1:"+keyOf(1), true)
		for range 2 {
			for _, id := range []string{first, second} {
				a, err := plain.Sealing(fresh).Application(t.Context(), merchant, id)
				require.NoError(t, err)
				require.Equal(t, secretWords, a.Text)
			}
			_, err := fresh.Reseal(t.Context(), db, store.Sealed(fresh))
			require.NoError(t, err)
		}
		for _, text := range words(t, db) {
			require.NotContains(t, text, "138001")
		}
	})
}

func TestABuyerWithAnOpenCaseIsNotForgotten(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		told(t, s, "key-1", "b1")
		by := domain.Actor{Role: domain.RoleAdministrator, ID: "admin-1"}
		_, err := s.RequestErasure(t.Context(), merchant, "b1", by)
		refused(t, err, domain.CodeBuyerHasOpenCases)
		_, err = s.Erasure(t.Context(), merchant, "b1")
		refused(t, err, domain.CodeErasureNotFound)
		_, err = s.ForgetBuyer(t.Context(), &album{s: s}, merchant, "b1", "", 10)
		refused(t, err, domain.CodeBuyerHasOpenCases)
		apply(t, s, "key-2", asked("b2"))
		_, err = s.RequestErasure(t.Context(), merchant, "b2", by)
		refused(t, err, domain.CodeBuyerHasOpenCases)
		_, err = s.RequestErasure(t.Context(), "m-2", "b1", by)
		require.NoError(t, err, "another merchant's buyer of this name is another one")
	})
}

func TestNothingIsFiledForABuyerWhoIsBeingForgotten(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		told(t, s, "key-1", "b1", closed)
		erasure, err := s.RequestErasure(t.Context(), merchant, "b1", domain.Actor{Role: domain.RoleAdministrator, ID: "admin-1"})
		require.NoError(t, err)
		require.False(t, erasure.FinishedAt.Valid)
		_, _, err = s.StoreApplication(t.Context(), merchant, "key-2", asked("b1"), nil)
		refused(t, err, domain.CodeBuyerBeingErased)
		apply(t, s, "key-3", asked("b2"))
		for range 2 {
			erasure, err = s.FinishErasure(t.Context(), merchant, "b1")
			require.NoError(t, err)
			require.True(t, erasure.FinishedAt.Valid)
		}
		apply(t, s, "key-2", asked("b1"))
	})
}

func TestAnErasureThatNeverEndsShutsNobodyOut(t *testing.T) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		now := start
		s := store.New(db, func() time.Time { return now })
		_, err := s.RequestErasure(t.Context(), merchant, "b1", domain.Actor{Role: domain.RoleAdministrator, ID: "admin-1"})
		require.NoError(t, err)
		now = start.Add(24*time.Hour - time.Second)
		_, _, err = s.StoreApplication(t.Context(), merchant, "key-1", asked("b1"), nil)
		refused(t, err, domain.CodeBuyerBeingErased)
		now = start.Add(24 * time.Hour)
		apply(t, s, "key-1", asked("b1"))
	})
}

func TestAForgottenBuyerIsInNoTextAndNoPhotoAndTheCasesStay(t *testing.T) {
	each(t, func(t *testing.T, plain *store.Store, db *gorm.DB) {
		s := plain.Sealing(sealer(t, "k1:"+keyOf(1), true))
		first, second := told(t, s, "key-1", "b1", closed), told(t, s, "key-2", "b1", closed)
		kept := told(t, s, "key-3", "b2")
		photoOf(t, s, "evd_loose", "b1")
		photos := &album{s: s}
		done, err := s.ForgetBuyer(t.Context(), photos, merchant, "b1", "", 1)
		require.NoError(t, err)
		require.True(t, done.More)
		done, err = s.ForgetBuyer(t.Context(), photos, merchant, "b1", done.Last, 1)
		require.NoError(t, err)
		require.False(t, done.More)
		require.ElementsMatch(t, []string{"evd_key-1", "evd_key-2", "evd_loose"}, photos.dropped)
		for _, id := range []string{first, second} {
			a, err := s.Application(t.Context(), merchant, id)
			require.NoError(t, err)
			require.Empty(t, a.Text)
			require.Equal(t, "b1", a.BuyerID, "the case stays with the buyer's id")
			entries, err := s.Entries(t.Context(), merchant, id, "", 0, 1, true, 10)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		}
		a, err := s.Application(t.Context(), merchant, kept)
		require.NoError(t, err)
		require.Equal(t, secretWords, a.Text)
		var hashes []string
		require.NoError(t, db.Table("notes").Where("merchant_id = ? AND case_id <> ?", merchant, kept).Pluck("content_hash", &hashes).Error)
		require.Equal(t, []string{"", "", "", ""}, hashes, "no hash is left from which the words could be guessed")
		again, err := s.ForgetBuyer(t.Context(), photos, merchant, "b1", "", 10)
		require.NoError(t, err)
		require.Equal(t, int64(2), again.Cases)
		require.Zero(t, again.Photos)
	})
}

func TestTextsStayUntilTheirPhotosAreGone(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *gorm.DB) {
		caseID := told(t, s, "key-1", "b1", closed)
		_, err := s.ForgetBuyer(t.Context(), &album{s: s, fail: context.DeadlineExceeded}, merchant, "b1", "", 10)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		a, err := s.Application(t.Context(), merchant, caseID)
		require.NoError(t, err)
		require.Equal(t, secretWords, a.Text, "an erasure that failed begins again at the same case")
	})
}

func TestRetentionCountsFromTheEndOfTheCase(t *testing.T) {
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		now := start
		s := store.New(db, func() time.Time { return now })
		over, open := told(t, s, "key-1", "b1", closed), told(t, s, "key-2", "b2")
		photoOf(t, s, "evd_loose", "b3")
		photos := &album{s: s}
		at := start
		done, err := s.ForgetPhotosBefore(t.Context(), photos, at, 10)
		require.NoError(t, err)
		require.Zero(t, done.Photos, "not yet over")
		at = start.Add(time.Second)
		done, err = s.ForgetPhotosBefore(t.Context(), photos, at, 10)
		require.NoError(t, err)
		require.Equal(t, int64(2), done.Photos)
		require.ElementsMatch(t, []string{"evd_key-1", "evd_loose"}, photos.dropped)
		for _, want := range []int64{1, 0} {
			done, err = s.ForgetCasesBefore(t.Context(), photos, at, 10)
			require.NoError(t, err)
			require.Equal(t, want, done.Cases)
		}
		a, err := s.Application(t.Context(), merchant, over)
		require.NoError(t, err)
		require.Empty(t, a.Text)
		a, err = s.Application(t.Context(), merchant, open)
		require.NoError(t, err)
		require.Equal(t, secretWords, a.Text, "an open case keeps everything")
	})
}
