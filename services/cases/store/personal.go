package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
	"aftercare.dev/services/platform/seal"
)

// What sealed values are bound to.
func textAt(merchantID, caseID string) seal.Place {
	return seal.In("applications", "text", merchantID, caseID)
}

func noteAt(merchantID, noteID string) seal.Place {
	return seal.In("notes", "text", merchantID, noteID)
}

// Sealed lists the tables with personal data, for [seal.Sealer.Reseal].
func Sealed(*seal.Sealer) []seal.Table {
	return []seal.Table{
		{Name: "applications", Key: []string{"merchant_id", "case_id"}, Columns: []string{"text"}},
		{Name: "notes", Key: []string{"merchant_id", "note_id"}, Columns: []string{"text"}},
	}
}

// Erasure is a buyer who is to be forgotten, or was.
type Erasure struct {
	MerchantID  string `gorm:"primaryKey"`
	BuyerID     string `gorm:"primaryKey"`
	ActorRole   string
	ActorID     string
	RequestedAt database.Time
	// Requests changes with each request, also one of the same instant.
	Requests   int64
	FinishedAt database.NullTime
}

// TableName implements GORM's Tabler.
func (Erasure) TableName() string { return "erasures" }

const ofBuyer = "merchant_id = ? AND buyer_id = ?"

// opening is how long after its application a case that is not there yet may still come.
const opening = 15 * time.Minute

// RequestErasure notes that a buyer is to be forgotten, so that nothing is filed for them until it is
// finished. While a case of theirs is open or about to be, it is the problem buyer_has_open_cases, and nothing
// is noted.
func (s *Store) RequestErasure(ctx context.Context, merchantID, buyerID string, by domain.Actor) (Erasure, error) {
	row := Erasure{
		MerchantID: merchantID, BuyerID: buyerID, ActorRole: by.Role, ActorID: by.ID, RequestedAt: database.At(s.now()), Requests: 1,
	}
	err := database.InTx(ctx, s.db, func(tx *gorm.DB) error {
		err := tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "merchant_id"}, {Name: "buyer_id"}},
			DoUpdates: append(clause.AssignmentColumns([]string{"actor_role", "actor_id", "requested_at", "finished_at"}),
				clause.Assignment{Column: clause.Column{Name: "requests"}, Value: gorm.Expr("erasures.requests + 1")}),
		}).Create(&row).Error
		if err != nil {
			return err
		}
		return s.noneOpen(tx, merchantID, buyerID)
	})
	return row, wrap(err, "request an erasure")
}

// noneOpen refuses a buyer with a case that is open, or whose application has just come in.
func (s *Store) noneOpen(tx *gorm.DB, merchantID, buyerID string) error {
	var open int64
	err := tx.Table(s.byIndex("cases_by_buyer")).Where("c.merchant_id = ? AND c.buyer_id = ? AND c.status = ?", merchantID, buyerID, domain.StatusOpen).
		Limit(1).Count(&open).Error
	if err != nil {
		return err
	}
	var coming int64
	err = tx.Model(&applicationRow{}).Where(ofBuyer+" AND created_at > ?", merchantID, buyerID, database.At(s.now().Add(-opening))).
		Where("NOT EXISTS (SELECT 1 FROM cases AS c WHERE c.merchant_id = applications.merchant_id AND c.case_id = applications.case_id)").
		Limit(1).Count(&coming).Error
	if err != nil {
		return err
	}
	if open+coming > 0 {
		return domain.Fault(domain.CodeBuyerHasOpenCases, "",
			"a case of the buyer is open, or was filed less than 15 minutes ago; ask again when it is closed")
	}
	return nil
}

// barred is how long filings are refused for an erasure that does not end. If its workflow was never started, because the
// request for it got lost on the way, the buyer must not be shut out for ever; if it comes to an open case, it waits.
const barred = 24 * time.Hour

// mayFile refuses a filing for a buyer who is being forgotten.
func (s *Store) mayFile(tx *gorm.DB, merchantID, buyerID string) error {
	var running int64
	err := tx.Model(&Erasure{}).Where(ofBuyer+" AND finished_at IS NULL AND requested_at > ?", merchantID, buyerID, database.At(s.now().Add(-barred))).
		Count(&running).Error
	if err != nil {
		return fmt.Errorf("look for an erasure: %w", err)
	}
	if running > 0 {
		return domain.Fault(domain.CodeBuyerBeingErased, "", "the buyer's data is being dropped; file again when that has ended")
	}
	return nil
}

// Erasure tells how an erasure stands. Without one it is the problem erasure_not_found.
func (s *Store) Erasure(ctx context.Context, merchantID, buyerID string) (Erasure, error) {
	var row Erasure
	err := s.read(ctx).Where(ofBuyer, merchantID, buyerID).Take(&row).Error
	if database.IsNotFound(err) {
		return Erasure{}, domain.Fault(domain.CodeErasureNotFound, "", "nobody asked to forget this buyer")
	}
	return row, wrap(err, "read erasure")
}

// FinishErasure notes that everything is dropped. Again, it changes nothing.
func (s *Store) FinishErasure(ctx context.Context, merchantID, buyerID string) (Erasure, error) {
	err := s.read(ctx).Model(&Erasure{}).Where(ofBuyer+" AND finished_at IS NULL", merchantID, buyerID).
		Update("finished_at", database.At(s.now())).Error
	if err != nil {
		return Erasure{}, wrap(err, "finish an erasure")
	}
	return s.Erasure(ctx, merchantID, buyerID)
}

// BuyerCase is what a buyer wrote and sent in a case.
type BuyerCase struct {
	CaseID, OrderID string
	FiledAt         time.Time
	Text            string
	Notes           []BuyerNote
	EvidenceIDs     []string
}

// BuyerNote is a text that the buyer, or the storefront for them, wrote later.
type BuyerNote struct {
	NoteID, Text string
	At           time.Time
}

// customers are the roles that write for a buyer.
var customers = []string{domain.RoleBuyer, domain.RoleStorefront}

// OfBuyer returns what the buyer wrote and sent, by case id after one, and whether there is more.
func (s *Store) OfBuyer(ctx context.Context, merchantID, buyerID, after string, limit int) (page []BuyerCase, more bool, err error) {
	var rows []applicationRow
	err = s.read(ctx).Where(ofBuyer+" AND case_id > ?", merchantID, buyerID, after).Order("case_id").Limit(limit + 1).Find(&rows).Error
	if err != nil {
		return nil, false, fmt.Errorf("list applications of a buyer: %w", err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, row := range rows {
		one, err := s.ofCaseOfBuyer(ctx, row)
		if err != nil {
			return nil, false, err
		}
		page = append(page, one)
	}
	return page, more, nil
}

func (s *Store) ofCaseOfBuyer(ctx context.Context, row applicationRow) (BuyerCase, error) {
	one := BuyerCase{CaseID: row.CaseID, OrderID: row.OrderID, FiledAt: row.CreatedAt.Time}
	var err error
	if one.Text, err = s.sealer.Open(textAt(row.MerchantID, row.CaseID), row.Text); err != nil {
		return BuyerCase{}, err
	}
	var notes []noteRow
	err = s.read(ctx).Where(ofCase+" AND author_role IN ?", row.MerchantID, row.CaseID, customers).Order("note_id").Find(&notes).Error
	if err != nil {
		return BuyerCase{}, fmt.Errorf("read notes: %w", err)
	}
	for _, n := range notes {
		text, err := s.sealer.Open(noteAt(n.MerchantID, n.NoteID), n.Text)
		if err != nil {
			return BuyerCase{}, err
		}
		one.Notes = append(one.Notes, BuyerNote{NoteID: n.NoteID, Text: text, At: n.CreatedAt.Time})
	}
	err = s.read(ctx).Model(&Evidence{}).Where(ofCase+" AND role IN ?", row.MerchantID, row.CaseID, customers).
		Order("evidence_id").Pluck("evidence_id", &one.EvidenceIDs).Error
	return one, wrap(err, "list photos of a case")
}
