package cases_test

import (
	"strings"
	"testing"

	"aftercare.dev/services/cases"
	"aftercare.dev/services/cases/api"
	"aftercare.dev/services/cases/domain"
	"aftercare.dev/services/platform/config"
)

func TestTheContractAndTheDomainKnowTheSameReasons(t *testing.T) {
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range spec.Components.Schemas["Reason"].Value.Enum {
		if _, known := domain.Reason(reason.(string)).Info(); !known {
			t.Errorf("reason %s is unknown", reason)
		}
	}
	for _, group := range spec.Components.Schemas["ReasonGroup"].Value.Enum {
		if _, known := domain.ReasonGroup(group.(string)).Info(); !known {
			t.Errorf("group %s is unknown", group)
		}
	}
	for _, role := range spec.Components.Schemas["Role"].Value.Enum {
		if domain.RolesOf(role.(string)) == 0 {
			t.Errorf("role %s is unknown", role)
		}
	}
}

func TestOnlyTheDatabaseHasToBeConfigured(t *testing.T) {
	cfg, err := config.Load[cases.Config]("", []string{"CASES_DATABASE_DSN=data/cases.db"})
	if err != nil || cfg.EvidenceMaxBytes != 10<<20 || cfg.EvidenceConcurrency != 2 || !cfg.Migrate {
		t.Errorf("%+v, %v", cfg, err)
	}
	for variable, wrong := range map[string]string{"ORDER_URL": "order:8081", "CASES_EVIDENCE_MAX_BYTES": "10MB"} {
		_, err := config.Load[cases.Config]("", []string{"CASES_DATABASE_DSN=x.db", variable + "=" + wrong})
		if err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("%s=%s: %v", variable, wrong, err)
		}
	}
}
