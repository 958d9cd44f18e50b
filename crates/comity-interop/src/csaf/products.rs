//! The product tree: ids to names.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Json, Step, pointer};

/// The products and groups that a document defines.
#[derive(Default)]
pub(super) struct Products<'a> {
    names: BTreeMap<&'a str, &'a str>,
    groups: BTreeMap<&'a str, &'a [Json<'a>]>,
    repeated: Vec<(String, &'a str)>,
}

impl<'a> Products<'a> {
    /// The products of a whole document.
    pub(super) fn of(json: &'a Json<'a>) -> Self {
        let mut products = Self::default();
        let Some(tree) = json.member("product_tree") else { return products };
        let mut steps = vec![Step::Name("product_tree".into())];
        products.branches(tree, &mut steps);
        for (index, product) in tree.list("full_product_names").iter().enumerate() {
            products.product(product, || {
                format!("/product_tree/full_product_names/{index}/product_id")
            });
        }
        for (index, relationship) in tree.list("relationships").iter().enumerate() {
            if let Some(product) = relationship.member("full_product_name") {
                products.product(product, || {
                    format!("/product_tree/relationships/{index}/full_product_name/product_id")
                });
            }
        }
        for group in tree.list("product_groups") {
            products.groups.insert(group.text("group_id"), group.list("product_ids"));
        }
        products
    }

    /// The ids that are defined more than once: where, and which.
    pub(super) fn repeated(&self) -> &[(String, &'a str)] {
        &self.repeated
    }

    /// Whether an id is defined.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.names.contains_key(id)
    }

    /// The name of a product; its id when it has none.
    pub(super) fn name<'b>(&'b self, id: &'b str) -> &'b str {
        self.names.get(id).copied().unwrap_or(id)
    }

    /// The names of these products and of the members of these groups.
    pub(super) fn names<'b>(
        &'b self,
        ids: &'b BTreeSet<&'b str>,
        groups: &'b BTreeSet<&'b str>,
    ) -> impl Iterator<Item = &'b str> {
        let members = groups.iter().filter_map(|id| self.groups.get(id)).flat_map(|ids| ids.iter());
        let ids = ids.iter().copied().chain(members.filter_map(Json::as_text));
        ids.map(|id| self.name(id))
    }

    /// As deep as the document, which [`crate::limits::DOCUMENT_DEPTH`] bounds.
    fn branches(&mut self, parent: &'a Json<'a>, steps: &mut Vec<Step<'a>>) {
        for (index, branch) in parent.list("branches").iter().enumerate() {
            steps.extend([Step::Name("branches".into()), Step::Index(index)]);
            if let Some(product) = branch.member("product") {
                self.product(product, || format!("{}/product/product_id", pointer(steps)));
            }
            self.branches(branch, steps);
            steps.truncate(steps.len().saturating_sub(2));
        }
    }

    fn product(&mut self, product: &'a Json<'a>, at: impl FnOnce() -> String) {
        let id = product.text("product_id");
        if self.names.contains_key(id) {
            self.repeated.push((at(), id));
        } else {
            self.names.insert(id, product.text("name"));
        }
    }
}
