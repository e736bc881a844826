package mysqlserver

import (
	"database/sql"
	"errors"
	"os"
	"testing"
)

func TestAServerIsThereForAsLongAsItIsNeeded(t *testing.T) {
	if _, err := find("mariadbd", "mysqld"); err != nil {
		t.Skip("no server is installed, and a test installs none.")
	}
	s, err := Start(t.Context(), Options{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE DATABASE anything", "CREATE TABLE anything.kept (id INT)", "INSERT INTO anything.kept VALUES (7)"} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(db.Close(), s.Kill(), s.Boot(t.Context())); err != nil {
		t.Fatal(err)
	}
	if db, err = sql.Open("mysql", s.DSN()); err != nil {
		t.Fatal(err)
	}
	var kept int
	if err := db.QueryRowContext(t.Context(), "SELECT id FROM anything.kept").Scan(&kept); err != nil || kept != 7 {
		t.Errorf("what was committed before the kill is %d, %v", kept, err)
	}
	if err := errors.Join(db.Close(), s.Stop()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is still there: %v", err)
	}
}
