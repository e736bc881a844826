package domain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Actor is who did something.
type Actor struct {
	Role string `json:"role"`
	ID   string `json:"id"`
}

// Roles that people and systems have.
const (
	RoleStorefront    = "storefront"
	RoleBuyer         = "buyer"
	RoleAgent         = "agent"
	RoleWarehouse     = "warehouse"
	RoleFinance       = "finance"
	RoleOperator      = "operator"
	RoleAdministrator = "administrator"
	RoleSystem        = "system"
)

// Application is what was asked, as it came in. Text is personal data.
type Application struct {
	Applicant   Actor          `json:"applicant"`
	BuyerID     string         `json:"buyer_id"`
	OrderID     string         `json:"order_id"`
	Type        string         `json:"type"`
	Reason      Reason         `json:"reason"`
	Channel     string         `json:"channel"`
	Lines       []LineQuantity `json:"lines"`
	Text        string         `json:"text"`
	EvidenceIDs []string       `json:"evidence_ids"`
}

// Validate refuses what no case can be about. The error is a 422 problem that names the field.
func (a Application) Validate() error {
	if _, known := a.Reason.Info(); !known {
		return Fault(CodeInvalidApplication, "reason", "must be a reason of the taxonomy")
	}
	if len(a.Lines) == 0 {
		return Fault(CodeInvalidApplication, "lines", "must name at least one line")
	}
	seen := make(map[string]bool, len(a.Lines))
	for i, line := range a.Lines {
		if seen[line.LineID] {
			return Fault(CodeInvalidApplication, fmt.Sprintf("lines[%d].line_id", i), "names a line for the second time; add the quantities up")
		}
		if line.Quantity < 1 {
			return Fault(CodeInvalidApplication, fmt.Sprintf("lines[%d].quantity", i), "must be at least 1")
		}
		seen[line.LineID] = true
	}
	return distinct("evidence_ids", a.EvidenceIDs)
}

// Hash tells contents apart: equal applications have equal hashes.
func (a Application) Hash() (string, error) { return hashOf(a) }

// Note is free text and evidence of a case. Text is personal data.
type Note struct {
	Author      Actor    `json:"author"`
	Text        string   `json:"text"`
	EvidenceIDs []string `json:"evidence_ids"`
}

// Validate refuses evidence that is named twice.
func (n Note) Validate() error { return distinct("evidence_ids", n.EvidenceIDs) }

// Hash tells contents apart: equal notes have equal hashes.
func (n Note) Hash() (string, error) { return hashOf(n) }

func distinct(field string, ids []string) error {
	seen := make(map[string]bool, len(ids))
	for i, id := range ids {
		if seen[id] {
			return Fault(CodeInvalidApplication, fmt.Sprintf("%s[%d]", field, i), "is named for the second time")
		}
		seen[id] = true
	}
	return nil
}

// hashOf hashes the canonical JSON: fields in the order of the type, keys of maps sorted.
func hashOf(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("hash %T: %w", v, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
