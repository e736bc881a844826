package databasetest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStatementThatForgetsTheMerchantIsFound(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT * FROM `cases` WHERE merchant_id = ? AND case_id = ?":                  "",
		"SELECT * FROM `cases` WHERE (merchant_id = ? AND case_id = ?) AND number > ?": "",
		"SELECT * FROM `cases` WHERE case_id = ?":                                      "cases",
		"SELECT * FROM cases": "cases",
		"SELECT * FROM cases WHERE merchant_id = ? OR case_id = ?":                                                               "cases",
		"SELECT * FROM cases WHERE (merchant_id = ? OR buyer_id = ?) AND case_id = ?":                                            "cases",
		"SELECT * FROM cases WHERE NOT (merchant_id = ?)":                                                                        "cases",
		"SELECT * FROM cases WHERE merchant_id > ?":                                                                              "cases",
		"SELECT * FROM cases WHERE merchant_id = merchant_id":                                                                    "cases",
		"SELECT * FROM cases WHERE text = 'merchant_id = ?'":                                                                     "cases",
		"SELECT merchant_id, 1 FROM sweeps WHERE name = ?":                                                                       "",
		"SELECT c.* FROM cases AS c JOIN notes AS n ON n.merchant_id = c.merchant_id WHERE c.merchant_id = ?":                    "",
		"SELECT c.* FROM cases AS c JOIN notes AS n ON n.case_id = c.case_id WHERE c.merchant_id = ?":                            "notes",
		"SELECT c.* FROM cases AS c JOIN notes AS n ON n.merchant_id = c.merchant_id":                                            "cases",
		"SELECT c.* FROM cases AS c LEFT JOIN notes n ON n.case_id = c.case_id WHERE merchant_id = ?":                            "cases",
		"SELECT * FROM (SELECT case_id FROM cases WHERE merchant_id = ?) AS f CROSS JOIN notes AS n WHERE n.merchant_id = ?":     "",
		"SELECT * FROM (SELECT case_id FROM cases) AS f CROSS JOIN notes AS n WHERE n.merchant_id = ?":                           "cases",
		"SELECT 1 FROM notes WHERE merchant_id = ? AND EXISTS (SELECT 1 FROM cases WHERE cases.merchant_id = notes.merchant_id)": "",
		"SELECT 1 FROM notes WHERE merchant_id = ? AND EXISTS (SELECT 1 FROM cases WHERE cases.case_id = notes.case_id)":         "cases",
		"SELECT 1 FROM cases WHERE merchant_id = ? UNION SELECT 1 FROM notes WHERE merchant_id = ?":                              "",
		"SELECT 1 FROM cases WHERE merchant_id = ? UNION SELECT 1 FROM notes WHERE case_id = ?":                                  "notes",
		"SELECT * FROM (SELECT 1 FROM cases WHERE merchant_id = ? UNION SELECT 1 FROM notes) AS x":                               "notes",
		`UPDATE "cases" SET "a"=?, merchant_id = ? WHERE case_id = ?`:                                                            "cases",
		"UPDATE cases SET a = ? WHERE merchant_id = ? AND version = ?":                                                           "",
		"DELETE FROM cases WHERE 1 = 1":                                                                                          "cases",
		"DELETE FROM `cases` WHERE `cases`.`merchant_id` = ?":                                                                    "",
		"INSERT INTO `cases` (`merchant_id`,`a`) VALUES (?,?),(?,?) ON CONFLICT DO NOTHING":                                      "",
		"INSERT INTO cases (a) VALUES (?)":                                                                                       "cases",
		"INSERT INTO cases (merchant_id, a) SELECT ?, a FROM notes WHERE case_id = ?":                                            "notes",
		"INSERT INTO cases (merchant_id, a) SELECT ?, a FROM notes WHERE merchant_id = ?":                                        "",
	} {
		require.Equal(t, want, unscoped(statement, []string{"cases", "notes"}), statement)
	}
}
