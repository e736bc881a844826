package store

import (
	"context"
	"fmt"

	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/database"
)

// Head is how far a case is.
type Head struct {
	Version int64
	Status  string
}

// CaseHead returns how far the case is; with a buyer, only if it is theirs. Anything else is the
// problem case_not_found.
func (s *Store) CaseHead(ctx context.Context, merchantID, caseID, buyerID string) (Head, error) {
	query := s.read(ctx).Model(&Case{}).Select("version, status").Where(ofCase, merchantID, caseID)
	if buyerID != "" {
		query = query.Where("buyer_id = ?", buyerID)
	}
	var head Head
	err := query.Take(&head).Error
	if database.IsNotFound(err) {
		return Head{}, caseNotFound()
	}
	return head, wrap(err, "read case")
}

// TimelineEntry is an entry with its note, which is nil if it has none.
type TimelineEntry struct {
	domain.Entry
	Note *TimelineNote
}

// TimelineNote is free text; Text is personal data.
type TimelineNote struct {
	NoteID      string
	Text        string
	EvidenceIDs []string
}

// Entries returns the entries after a number and up to another, oldest first and limit at most; with a buyer, only those
// of a case of theirs. With staff false, those for staff only are left out.
func (s *Store) Entries(ctx context.Context, merchantID, caseID, buyerID string, after, upTo int64, staff bool, limit int) ([]TimelineEntry, error) {
	query := s.read(ctx).Where(ofCase+" AND number > ? AND number <= ?", merchantID, caseID, after, upTo)
	if buyerID != "" {
		query = query.Where(`EXISTS (SELECT 1 FROM cases
			WHERE cases.merchant_id = entries.merchant_id AND cases.case_id = entries.case_id AND cases.buyer_id = ?)`, buyerID)
	}
	if !staff {
		query = query.Where("audience = ?", domain.Everyone)
	}
	var rows []entryRow
	if err := query.Order("number").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read timeline: %w", err)
	}
	entries := make([]TimelineEntry, len(rows))
	var noteIDs []string
	for i, row := range rows {
		entries[i].Entry = row.entry()
		if row.NoteID != "" {
			noteIDs = append(noteIDs, row.NoteID)
		}
	}
	return entries, s.fillNotes(ctx, merchantID, caseID, noteIDs, entries)
}

func (s *Store) fillNotes(ctx context.Context, merchantID, caseID string, noteIDs []string, entries []TimelineEntry) error {
	if len(noteIDs) == 0 {
		return nil
	}
	var rows []noteRow
	if err := s.read(ctx).Where(ofCase+" AND note_id IN ?", merchantID, caseID, noteIDs).Find(&rows).Error; err != nil {
		return fmt.Errorf("read notes: %w", err)
	}
	notes := make(map[string]*TimelineNote, len(rows))
	for _, row := range rows {
		text, err := s.sealer.Open(noteAt(merchantID, row.NoteID), row.Text)
		if err != nil {
			return err
		}
		notes[row.NoteID] = &TimelineNote{NoteID: row.NoteID, Text: text, EvidenceIDs: row.EvidenceIDs.V}
	}
	for i := range entries {
		entries[i].Note = notes[entries[i].NoteID]
	}
	return nil
}
