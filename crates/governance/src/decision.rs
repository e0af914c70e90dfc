//! Who may do what: one table and one function that reads it.
//!
//! Every route of every protocol asks [`decide`]; there is no second place where a permission is granted.

use crate::action::{Action, Object, ObjectKind};
use crate::principal::Principal;
use crate::role::{Grant, Role};

/// The answer to "may this principal do that?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// Why, in words for the person who asked.
    pub reason: String,
}

/// One row of the table: `action` on any of `objects` is open to `roles`.
struct Rule {
    action: Action,
    objects: &'static [ObjectKind],
    roles: &'static [Role],
}

use ObjectKind::{
    Alert, Artifact, Dataset, Deployment, Event, Experiment, Health, Interface, Job, Label, Model, Monitor,
    Person, Pipeline, Prediction, Project, Review, Run, Server, Token, Verdict, Webhook,
};

const EVERYONE: &[Role] = &Role::ALL;
const SEES_PEOPLE: &[Role] = &[Role::Auditor, Role::Admin];
const ASKS: &[Role] =
    &[Role::Analyst, Role::Contributor, Role::Maintainer, Role::Approver, Role::Auditor, Role::Admin];
const USES: &[Role] = &[Role::Analyst, Role::Contributor, Role::Maintainer, Role::Admin];
const MAKES: &[Role] = &[Role::Contributor, Role::Maintainer, Role::Admin];
const TALKS: &[Role] = &[Role::Analyst, Role::Contributor, Role::Maintainer, Role::Approver, Role::Admin];
const KEEPS: &[Role] = &[Role::Maintainer, Role::Admin];
const APPROVES: &[Role] = &[Role::Approver, Role::Admin];
const AUDITS: &[Role] = &[Role::Auditor, Role::Admin];
const ADMIN: &[Role] = &[Role::Admin];

/// What is not in this table is refused to everyone.
const TABLE: &[Rule] = &[
    Rule {
        action: Action::View,
        objects: &[
            Health, Interface, Server, Project, Experiment, Run, Artifact, Dataset, Model, Pipeline, Job,
            Verdict, Deployment, Monitor, Alert, Prediction, Label, Event, Review,
        ],
        roles: EVERYONE,
    },
    Rule { action: Action::View, objects: &[Person, Token], roles: SEES_PEOPLE },
    Rule { action: Action::Query, objects: &[Dataset, Prediction, Label], roles: ASKS },
    Rule { action: Action::Predict, objects: &[Deployment], roles: USES },
    Rule { action: Action::Handle, objects: &[Alert], roles: USES },
    Rule {
        action: Action::Create,
        objects: &[Experiment, Run, Artifact, Dataset, Model, Pipeline, Verdict, Prediction, Label],
        roles: MAKES,
    },
    Rule {
        action: Action::Change,
        objects: &[Experiment, Run, Artifact, Dataset, Model, Pipeline],
        roles: MAKES,
    },
    Rule { action: Action::Run, objects: &[Model, Pipeline, Monitor], roles: MAKES },
    Rule { action: Action::Change, objects: &[Job], roles: MAKES },
    Rule { action: Action::Create, objects: &[Project, Deployment, Monitor], roles: KEEPS },
    Rule { action: Action::Change, objects: &[Project, Deployment, Monitor], roles: KEEPS },
    Rule {
        action: Action::Delete,
        objects: &[Experiment, Run, Artifact, Dataset, Model, Pipeline, Deployment, Monitor],
        roles: KEEPS,
    },
    Rule { action: Action::View, objects: &[Webhook], roles: KEEPS },
    Rule { action: Action::Create, objects: &[Webhook], roles: KEEPS },
    Rule { action: Action::Change, objects: &[Webhook], roles: KEEPS },
    Rule { action: Action::Delete, objects: &[Webhook], roles: KEEPS },
    Rule { action: Action::Create, objects: &[Review], roles: MAKES },
    Rule { action: Action::Change, objects: &[Review], roles: TALKS },
    Rule { action: Action::Promote, objects: &[Model, Review], roles: KEEPS },
    Rule { action: Action::Approve, objects: &[Model, Dataset, Deployment, Review], roles: APPROVES },
    Rule { action: Action::Audit, objects: &[Event], roles: AUDITS },
    Rule { action: Action::Delete, objects: &[Project, Prediction, Label], roles: ADMIN },
    Rule { action: Action::Administer, objects: &[Server, Project, Person, Token], roles: ADMIN },
];

/// Decides whether `principal` may do `action` to `object`.
///
/// Anonymous requests reach the health probe and the interface's own files and nothing else. The local user may do
/// what an admin may. Everyone else needs a grant whose role stands in the table for this action and kind, and
/// whose project covers the object.
#[must_use]
pub fn decide(principal: &Principal, action: Action, object: &Object) -> Decision {
    let grants = match principal {
        Principal::Anonymous => return decide_anonymous(action, object),
        Principal::Local => &[Grant { role: Role::Admin, project: None }][..],
        Principal::Person(account) | Principal::Service(account) => account.grants.as_slice(),
    };
    let holds = |grant: &&Grant| {
        grant.covers(object.project.as_deref()) && is_open_to(grant.role, action, object.kind)
    };
    match grants.iter().find(holds) {
        Some(grant) => allow(format!("the role `{}` may {action} a {}", grant.role, object.kind)),
        None => refuse(refusal(principal, action, object)),
    }
}

fn decide_anonymous(action: Action, object: &Object) -> Decision {
    match (action, object.kind) {
        (Action::View, Health | Interface) => allow(format!("anyone may {action} the {}", object.kind)),
        _ => refuse(format!("an anonymous request may not {action} {object}")),
    }
}

fn is_open_to(role: Role, action: Action, kind: ObjectKind) -> bool {
    TABLE
        .iter()
        .any(|rule| rule.action == action && rule.objects.contains(&kind) && rule.roles.contains(&role))
}

fn refusal(principal: &Principal, action: Action, object: &Object) -> String {
    let able: Vec<String> = Role::ALL
        .into_iter()
        .filter(|role| is_open_to(*role, action, object.kind))
        .map(|role| format!("`{role}`"))
        .collect();
    let project = object.project.as_ref().map(|name| format!(" in project `{name}`")).unwrap_or_default();
    if able.is_empty() {
        return format!("nobody may {action} {object}");
    }
    format!(
        "`{principal}` may not {action} {object}{project}; that takes one of the roles {}",
        able.join(", ")
    )
}

fn allow(reason: String) -> Decision {
    Decision { allowed: true, reason }
}

fn refuse(reason: String) -> Decision {
    Decision { allowed: false, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Account;

    fn person(grants: Vec<Grant>) -> Principal {
        Principal::Person(Account { id: "1".into(), name: "ada".into(), token_id: "t".into(), grants })
    }

    /// The whole table again, written the other way round: a line for each action and kind that anyone may do,
    /// a mark for each role in the order of `Role::ALL`. What has no line is closed to all.
    const EXPECTED: &str = "
        view health          x x x x x x x
        view interface       x x x x x x x
        view server          x x x x x x x
        view project         x x x x x x x
        view experiment      x x x x x x x
        view run             x x x x x x x
        view artifact        x x x x x x x
        view dataset         x x x x x x x
        view model           x x x x x x x
        view pipeline        x x x x x x x
        view job             x x x x x x x
        view verdict         x x x x x x x
        view deployment      x x x x x x x
        view monitor         x x x x x x x
        view alert           x x x x x x x
        view prediction      x x x x x x x
        view label           x x x x x x x
        view event           x x x x x x x
        view review          x x x x x x x
        create review        - - x x - - x
        change review        - x x x x - x
        promote review       - - - x - - x
        approve review       - - - - x - x
        view person          - - - - - x x
        view token           - - - - - x x
        view webhook         - - - x - - x
        create webhook       - - - x - - x
        change webhook       - - - x - - x
        delete webhook       - - - x - - x
        query dataset        - x x x x x x
        query prediction     - x x x x x x
        query label          - x x x x x x
        predict deployment   - x x x - - x
        handle alert         - x x x - - x
        create project       - - - x - - x
        create experiment    - - x x - - x
        create run           - - x x - - x
        create artifact      - - x x - - x
        create dataset       - - x x - - x
        create model         - - x x - - x
        create pipeline      - - x x - - x
        create verdict       - - x x - - x
        create deployment    - - - x - - x
        create monitor       - - - x - - x
        create prediction    - - x x - - x
        create label         - - x x - - x
        change project       - - - x - - x
        change experiment    - - x x - - x
        change run           - - x x - - x
        change artifact      - - x x - - x
        change dataset       - - x x - - x
        change model         - - x x - - x
        change pipeline      - - x x - - x
        change job           - - x x - - x
        change deployment    - - - x - - x
        change monitor       - - - x - - x
        run model            - - x x - - x
        run pipeline         - - x x - - x
        run monitor          - - x x - - x
        delete project       - - - - - - x
        delete experiment    - - - x - - x
        delete run           - - - x - - x
        delete artifact      - - - x - - x
        delete dataset       - - - x - - x
        delete model         - - - x - - x
        delete pipeline      - - - x - - x
        delete deployment    - - - x - - x
        delete monitor       - - - x - - x
        delete prediction    - - - - - - x
        delete label         - - - - - - x
        promote model        - - - x - - x
        approve model        - - - - x - x
        approve dataset      - - - - x - x
        approve deployment   - - - - x - x
        audit event          - - - - - x x
        administer server    - - - - - - x
        administer project   - - - - - - x
        administer person    - - - - - - x
        administer token     - - - - - - x
    ";

    fn expected(action: Action, kind: ObjectKind) -> Vec<bool> {
        let line = EXPECTED.lines().find(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(action.as_str()) && words.next() == Some(kind.as_str())
        });
        match line {
            Some(line) => line.split_whitespace().skip(2).map(|mark| mark == "x").collect(),
            None => vec![false; Role::ALL.len()],
        }
    }

    #[test]
    fn every_role_may_do_exactly_what_the_grid_says() {
        for action in Action::ALL {
            for kind in ObjectKind::ALL {
                let marks = expected(action, kind);
                assert_eq!(marks.len(), Role::ALL.len(), "{action} {kind}");
                for (role, mark) in Role::ALL.into_iter().zip(marks) {
                    let decision = decide(&person(vec![Grant::everywhere(role)]), action, &Object::of(kind));
                    assert_eq!(decision.allowed, mark, "{role} {action} {kind}: {}", decision.reason);
                }
            }
        }
    }

    #[test]
    fn every_line_of_the_grid_names_a_real_action_and_kind() {
        for line in EXPECTED.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(Action::ALL.iter().any(|action| action.as_str() == words[0]), "{line}");
            assert!(ObjectKind::ALL.iter().any(|kind| kind.as_str() == words[1]), "{line}");
        }
    }

    #[test]
    fn anonymous_reaches_health_and_the_interface_and_nothing_else() {
        for action in Action::ALL {
            for kind in ObjectKind::ALL {
                let open = action == Action::View && matches!(kind, Health | Interface);
                assert_eq!(
                    decide(&Principal::Anonymous, action, &Object::of(kind)).allowed,
                    open,
                    "{action} {kind}"
                );
            }
        }
    }

    #[test]
    fn the_local_user_may_do_what_an_admin_may() {
        let admin = person(vec![Grant::everywhere(Role::Admin)]);
        for action in Action::ALL {
            for kind in ObjectKind::ALL {
                let object = Object::of(kind);
                assert_eq!(
                    decide(&Principal::Local, action, &object).allowed,
                    decide(&admin, action, &object).allowed
                );
            }
        }
    }

    #[test]
    fn an_account_without_a_grant_may_do_nothing() {
        for action in Action::ALL {
            for kind in ObjectKind::ALL {
                assert!(!decide(&person(Vec::new()), action, &Object::of(kind)).allowed, "{action} {kind}");
            }
        }
    }

    #[test]
    fn a_role_in_one_project_ends_at_its_border() {
        let maintainer =
            person(vec![Grant::within(Role::Maintainer, "pricing"), Grant::everywhere(Role::Viewer)]);
        let model = |project: &str| Object::named(Model, "churn").within(project);
        assert!(decide(&maintainer, Action::Promote, &model("pricing")).allowed);
        assert!(!decide(&maintainer, Action::Promote, &model("hiring")).allowed);
        assert!(decide(&maintainer, Action::View, &model("hiring")).allowed);
    }

    #[test]
    fn a_refusal_names_the_person_the_object_and_the_roles_that_may() {
        let viewer = person(vec![Grant::everywhere(Role::Viewer)]);
        let decision = decide(&viewer, Action::Promote, &Object::named(Model, "churn"));
        assert_eq!(
            decision.reason,
            "`ada` may not promote model `churn`; that takes one of the roles `maintainer`, `admin`"
        );
    }
}
