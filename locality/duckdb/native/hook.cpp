//! A DuckDB extension that offers queries to Locality before DuckDB optimizes them, and scans what Locality answers.
//!
//! Locality sets itself as the callee (locality_hook_set), and its number as the value of the setting `locality_hook`
//! in each database that it answers for. Whatever it does not answer, DuckDB runs as it would without this.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/catalog/catalog_search_path.hpp"
#include "duckdb/common/arrow/arrow_wrapper.hpp"
#include "duckdb/function/table/arrow.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_data.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/main/settings.hpp"
#include "duckdb/optimizer/optimizer.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/bound_parameter_map.hpp"
#include "duckdb/planner/operator/logical_execute.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/planner_extension.hpp"
#include "duckdb/transaction/duck_transaction.hpp"
#include "duckdb/transaction/duck_transaction_manager.hpp"
#include "duckdb/transaction/meta_transaction.hpp"

using namespace duckdb;

extern "C" {

//! A query that DuckDB has bound; the same structure as in hook.py. Texts are UTF-8 and live while the callee runs.
struct Offer {
	ClientContext *session;
	uint64_t session_id;
	uint8_t in_transaction;
	//! The transaction sees all commits with lower numbers; 0 if it has changed anything.
	uint64_t snapshot;
	//! The database of one of the tables.
	AttachedDatabase *database;
	const char *text;
	//! Database, schema and name of each table that it reads.
	uint64_t table_texts;
	const char **tables;
	//! Name, type and value of each parameter; a value is null for NULL.
	uint64_t parameter_texts;
	const char **parameters;
	//! The types of its columns.
	uint64_t columns;
	const char **types;
	//! Where the callee exports its answer to.
	ArrowArrayStream *answer;
};

//! The rows of a query of ours, value by value; a value is null for NULL. They live until the thread asks again.
struct Rows {
	const char *error;
	//! The number of the session that ran the query, which was opened for it: later ones have greater numbers.
	uint64_t session_id;
	uint64_t columns;
	uint64_t values;
	const char **texts;
};

//! What the callee returns.
enum Reply : int32_t { DECLINED = 0, ANSWERED = 1, INTERRUPTED = 2 };

typedef int32_t (*callee_t)(uint64_t number, Offer *offer);
}

namespace {

constexpr const char *SETTING = "locality_hook";

std::atomic<callee_t> callee {nullptr};

//! Whether this thread is in the callee, which may ask DuckDB (locality_hook_ask): that is not offered.
thread_local bool is_asking = false;

struct Asking {
	Asking() {
		is_asking = true;
	}
	~Asking() {
		is_asking = false;
	}
};

//! Texts in the form that C has for them.
class Texts {
public:
	void Add(string text) {
		if (text.find('\0') != string::npos) {
			throw InvalidInputException("a text with a zero byte is not offered");
		}
		kept.push_back(std::move(text));
		nulls.push_back(false);
	}
	void AddNull() {
		kept.emplace_back();
		nulls.push_back(true);
	}
	void Clear() {
		kept.clear();
		nulls.clear();
	}
	const char **Pointers() {
		pointers.clear();
		for (idx_t i = 0; i < kept.size(); i++) {
			pointers.push_back(nulls[i] ? nullptr : kept[i].c_str());
		}
		return pointers.data();
	}
	uint64_t Count() const {
		return kept.size();
	}

private:
	vector<string> kept;
	vector<bool> nulls;
	vector<const char *> pointers;
};

//! The answer, which is read once: a plan is made anew whenever a statement over tables is executed.
class Answer : public ArrowScanFactory {
public:
	ArrowArrayStream stream {};

	~Answer() override {
		if (stream.release) {
			stream.release(&stream);
		}
	}
	void GetSchema(ArrowSchema &schema) override {
		if (stream.get_schema(&stream, &schema) != 0) {
			throw IOException("the schema of Locality's answer can't be read");
		}
	}
	unique_ptr<ArrowArrayStreamWrapper> ProduceStream(ArrowStreamParameters &) override {
		if (!stream.release) {
			throw InvalidInputException("Locality's answer was read before: run the statement again");
		}
		auto produced = make_uniq<ArrowArrayStreamWrapper>();
		produced->arrow_array_stream = stream;
		stream.release = nullptr;
		return produced;
	}
};

//! A scan of an answer, whose columns are called c0, c1, ..., cast to the types that DuckDB bound the query to.
unique_ptr<LogicalOperator> ScanOf(OptimizerExtensionInput &input, shared_ptr<Answer> answer,
                                   const vector<LogicalType> &types) {
	auto scan = make_uniq<TableFunctionRef>();
	QualifiedName name(Identifier(SYSTEM_CATALOG), Identifier(DEFAULT_SCHEMA), Identifier("arrow_scan_dumb"));
	scan->function = make_uniq<FunctionExpression>(name, vector<unique_ptr<ParsedExpression>>());
	scan->bind_info = std::move(answer);
	auto select = make_uniq<SelectNode>();
	for (idx_t i = 0; i < types.size(); i++) {
		auto column = make_uniq<ColumnRefExpression>(Identifier("c" + to_string(i)));
		select->select_list.push_back(make_uniq<CastExpression>(types[i], std::move(column)));
	}
	select->from_table = std::move(scan);
	return Binder::CreateBinder(input.context, &input.optimizer.binder)->Bind(*select).plan;
}

//! Adds the tables that a plan reads; ``database``: that of the last one.
void AddTables(const LogicalOperator &plan, Texts &tables, optional_ptr<AttachedDatabase> &database) {
	if (plan.type == LogicalOperatorType::LOGICAL_GET) {
		if (auto table = plan.Cast<LogicalGet>().GetTable()) {
			database = table->ParentCatalog().GetAttached();
			tables.Add(table->ParentCatalog().GetName().GetIdentifierName());
			tables.Add(table->ParentSchema().name.GetIdentifierName());
			tables.Add(table->name.GetIdentifierName());
		}
	}
	for (auto &child : plan.children) {
		AddTables(*child, tables, database);
	}
}

//! What an open transaction sees of a database: all commits with lower numbers; 0 if it has changed anything itself.
transaction_t SnapshotOf(ClientContext &context, AttachedDatabase &database) {
	auto &all = MetaTransaction::Get(context);
	auto temporary = all.TryGetTransaction(*context.client_data->temporary_objects);
	if (all.ModifiedDatabase() || (temporary && temporary->Cast<DuckTransaction>().ChangesMade()) ||
	    !database.GetTransactionManager().IsDuckTransactionManager()) {
		return 0;
	}
	return DuckTransaction::Get(context, database).start_time;
}

//! What the setting of a session says: the number of the one who answers, 0 for nobody.
uint64_t NumberOf(ClientContext &context) {
	Value value;
	if (!context.TryGetCurrentSetting(Identifier(SETTING), value) || value.IsNull()) {
		return 0;
	}
	return value.GetValue<uint64_t>();
}

//! The parameters of the query that this thread has bound last, which are constants in its plan. It optimizes it next.
struct Given {
	uint64_t session_id = 0;
	Texts texts;
};
thread_local Given given;

void KeepParameters(PlannerExtensionInput &input, BoundStatement &statement) {
	if (is_asking || (statement.plan && statement.plan->type == LogicalOperatorType::LOGICAL_EXECUTE)) {
		return; // or the statement that it executes was bound just before, with the values
	}
	given.session_id = 0;
	given.texts.Clear();
	auto parameters = input.binder.GetParameters();
	if (!parameters || NumberOf(input.context) == 0) {
		return;
	}
	for (auto &entry : parameters->GetParameterData()) {
		auto &value = entry.second.GetValue();
		given.texts.Add(entry.first.GetIdentifierName());
		given.texts.Add(entry.second.return_type.ToString());
		if (value.IsNull()) {
			given.texts.AddNull();
		} else {
			given.texts.Add(value.ToString());
		}
	}
	given.session_id = input.context.GetConnectionId();
}

void KeepSafely(PlannerExtensionInput &input, BoundStatement &statement) {
	try {
		KeepParameters(input, statement);
	} catch (std::exception &) { // the query is not offered then
	}
}

//! Whether all that a text means is told by its words, names and settings, and rows come in the order of a scan.
bool IsPlain(ClientContext &context, const string &text) {
	auto &config = context.config;
	return !config.current_dialect && !config.connected_grammar && config.active_grammar_extensions.empty() &&
	       Settings::Get<PreserveInsertionOrderSetting>(context) && text.find('\0') == string::npos;
}

//! Replaces the plan of a query by a scan of Locality's answer, if there is one.
void OfferQuery(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &root) {
	auto &context = input.context;
	const auto number = NumberOf(context);
	const auto call = callee.load();
	if (is_asking || number == 0 || !call || root->type == LogicalOperatorType::LOGICAL_PREPARE) {
		return;
	}
	auto text = context.GetCurrentQuery();
	const bool executes = root->type == LogicalOperatorType::LOGICAL_EXECUTE && !root->children.empty();
	if (executes) {
		auto &statement = *root->Cast<LogicalExecute>().prepared->unbound_statement;
		text = statement.query.empty() ? statement.ToString() : statement.query;
	}
	auto &plan = executes ? root->children[0] : root;
	Texts tables, types;
	optional_ptr<AttachedDatabase> database;
	AddTables(*plan, tables, database);
	if (!database || given.session_id != context.GetConnectionId() || !IsPlain(context, text)) {
		return;
	}
	plan->ResolveOperatorTypes();
	const auto bound = plan->types;
	for (auto &type : bound) {
		types.Add(type.ToString());
	}
	auto answer = make_shared_ptr<Answer>();
	Offer offer {&context,
	             context.GetConnectionId(),
	             !context.transaction.IsAutoCommit(),
	             SnapshotOf(context, *database),
	             database.get(),
	             text.c_str(),
	             tables.Count(),
	             tables.Pointers(),
	             given.texts.Count(),
	             given.texts.Pointers(),
	             types.Count(),
	             types.Pointers(),
	             &answer->stream};
	int32_t reply;
	{
		Asking asking;
		reply = call(number, &offer);
	}
	if (reply == INTERRUPTED || context.IsInterrupted()) {
		throw InterruptException();
	}
	if (reply == ANSWERED) {
		plan = ScanOf(input, std::move(answer), bound);
	}
}

void OfferSafely(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
	try {
		OfferQuery(input, plan);
	} catch (InterruptException &) {
		throw;
	} catch (std::exception &) { // DuckDB's own plan is whole: it is replaced last
	}
}

//! A connection that names and settings mean the same to as to a session, which is busy with the query it offers.
unique_ptr<Connection> Twin(ClientContext &session) {
	auto twin = make_uniq<Connection>(*session.db);
	auto &context = *twin->context;
	context.config.user_settings = session.config.user_settings;
	context.client_data->temporary_objects = session.client_data->temporary_objects;
	context.client_data->catalog_search_path->Set(session.client_data->catalog_search_path->GetSetPaths(),
	                                              CatalogSetPathType::SET_DIRECTLY);
	return twin;
}

} // namespace

extern "C" {

DUCKDB_EXTENSION_API void locality_hook_set(callee_t function) {
	callee = function;
}

DUCKDB_EXTENSION_API uint8_t locality_hook_interrupted(const Offer *offer) {
	return offer->session->IsInterrupted();
}

//! The number of the last commit on the database of an offer, queries among them.
DUCKDB_EXTENSION_API uint64_t locality_hook_last_commit(const Offer *offer) {
	auto &manager = offer->database->GetTransactionManager();
	return manager.IsDuckTransactionManager() ? manager.Cast<DuckTransactionManager>().GetLastCommit() : MAX_TRANSACTION_ID;
}

//! The rows of a query in the session of an offer.
DUCKDB_EXTENSION_API Rows locality_hook_ask(const Offer *offer, const char *sql) {
	static thread_local Texts texts;
	static thread_local string error;
	texts.Clear();
	try {
		auto twin = Twin(*offer->session);
		auto result = twin->Query(sql);
		result->ThrowIfError();
		while (auto chunk = result->FetchRaw()) {
			for (idx_t row = 0; row < chunk->size(); row++) {
				for (idx_t column = 0; column < chunk->ColumnCount(); column++) {
					auto value = chunk->GetValue(column, row);
					value.IsNull() ? texts.AddNull() : texts.Add(value.ToString());
				}
			}
		}
		return {nullptr, twin->context->GetConnectionId(), result->ColumnCount(), texts.Count(), texts.Pointers()};
	} catch (std::exception &failed) {
		error = ErrorData(failed).Message();
		return {error.c_str(), 0, 0, 0, nullptr};
	}
}

DUCKDB_CPP_EXTENSION_ENTRY(locality_hook, loader) {
	auto &config = DBConfig::GetConfig(loader.GetDatabaseInstance());
	config.AddExtensionOption(Identifier(SETTING), "the number of the Locality that is offered queries, 0 for none",
	                          LogicalType::UBIGINT, Value::UBIGINT(0), nullptr, SetScope::SESSION);
	OptimizerExtension extension;
	extension.pre_optimize_function = OfferSafely;
	OptimizerExtension::Register(config, extension);
	PlannerExtension planner;
	planner.post_bind_function = KeepSafely;
	PlannerExtension::Register(config, planner);
}
}
